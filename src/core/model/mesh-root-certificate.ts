/**
 * MeshRootCertificate: a root of trust of the mesh.
 *
 * @module
 */
import * as v from "valibot";
import type { NamespacedName } from "../base/ref.ts";
import { AnyText, Flag, fieldsOf, isLabel, NameText, Port } from "./fields.ts";
import { HostName } from "./host-name.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";
import { type ObjectStatus, Status } from "./status.ts";

/** An active root signs, a passive one is trusted, an inactive one is neither. */
export type RootRole = "active" | "passive" | "inactive";

export type RootProvider =
  | { readonly kind: "tresor"; readonly secret: NamespacedName }
  | {
      readonly kind: "vault";
      readonly host: string;
      readonly port: number;
      readonly protocol: "http" | "https";
      /** Vault's, not the mesh's. */
      readonly role: string;
      /** The Secret with the token, and its key there. */
      readonly token: NamespacedName & { readonly key: string };
    }
  | {
      readonly kind: "certManager";
      readonly issuerName: string;
      readonly issuerKind: "Issuer" | "ClusterIssuer";
      readonly issuerGroup: string;
    };

export interface MeshRootCertificate {
  readonly kind: "MeshRootCertificate";
  readonly meta: Meta;
  /** `active` if left out, as OSM 1.2's only root was. */
  readonly role: RootRole;
  readonly trustDomain: string;
  readonly spiffeEnabled: boolean;
  readonly provider: RootProvider;
  readonly status: ObjectStatus;
}

const TRUST_DOMAIN_LENGTH = 253;
const ROLES = ["passive", "active", "inactive"] as const;

const TrustDomain = v.pipe(
  AnyText,
  v.check(
    (text) => text.length <= TRUST_DOMAIN_LENGTH && text.split(".").every(isLabel),
    'a trust domain such as "cluster.local", in lower case',
  ),
);

const SecretName = fieldsOf({ name: NameText, namespace: NameText });

/** `spec.provider`. */
export const RootProvider = v.pipe(
  fieldsOf({
    tresor: v.nullish(fieldsOf({ ca: fieldsOf({ secretRef: SecretName }) })),
    vault: v.nullish(
      fieldsOf({
        host: HostName,
        port: Port,
        role: NameText,
        protocol: v.picklist(["http", "https"], "http or https"),
        token: fieldsOf({ secretKeyRef: fieldsOf({ name: NameText, key: NameText, namespace: NameText }) }),
      }),
    ),
    certManager: v.nullish(
      fieldsOf({
        issuerName: NameText,
        issuerKind: v.picklist(["ClusterIssuer", "Issuer"], "ClusterIssuer or Issuer"),
        issuerGroup: NameText,
      }),
    ),
  }),
  v.rawTransform(({ dataset, addIssue, NEVER }): RootProvider => {
    const [provider, ...more] = toProviders(dataset.value);
    if (provider !== undefined && more.length === 0) return provider;
    addIssue({ message: "exactly one of tresor, vault, certManager" });
    return NEVER;
  }),
);

const Spec = fieldsOf({
  role: v.nullish(v.picklist(ROLES, `one of ${ROLES.join(", ")}`), "active"),
  trustDomain: v.nullish(TrustDomain, "cluster.local"),
  spiffeEnabled: Flag,
  provider: RootProvider,
});

/** What is wrong with one refuses it: the mesh's roots change by decision, not by default. */
export const MeshRootCertificate: Kind<MeshRootCertificate> = defineKind({
  kind: "MeshRootCertificate",
  group: "config.openservicemesh.io",
  plural: "meshrootcertificates",
  versions: ["v1alpha2"],
  fields: "ours",
  schema: fieldsOf({ metadata: Metadata, spec: Spec, status: Status }),
  build: ({ spec, status }, meta): MeshRootCertificate => ({ kind: "MeshRootCertificate", meta, ...spec, status }),
});

interface Written {
  readonly tresor?: { readonly ca: { readonly secretRef: NamespacedName } } | null | undefined;
  readonly vault?:
    | (Omit<Extract<RootProvider, { kind: "vault" }>, "kind" | "token"> & {
        readonly token: { readonly secretKeyRef: NamespacedName & { readonly key: string } };
      })
    | null
    | undefined;
  readonly certManager?: Omit<Extract<RootProvider, { kind: "certManager" }>, "kind"> | null | undefined;
}

/** `spec.provider` as `RootProvider` reads it. */
export function writtenProvider(provider: RootProvider): object {
  switch (provider.kind) {
    case "tresor":
      return { tresor: { ca: { secretRef: provider.secret } } };
    case "vault": {
      const { kind: _, token, ...vault } = provider;
      return { vault: { ...vault, token: { secretKeyRef: token } } };
    }
    case "certManager": {
      const { kind: _, ...certManager } = provider;
      return { certManager };
    }
  }
}

function toProviders({ tresor, vault, certManager }: Written): readonly RootProvider[] {
  return [
    ...(tresor == null ? [] : [{ kind: "tresor", secret: tresor.ca.secretRef } as const]),
    ...(vault == null ? [] : [{ ...vault, kind: "vault", token: vault.token.secretKeyRef } as const]),
    ...(certManager == null ? [] : [{ ...certManager, kind: "certManager" } as const]),
  ];
}
