/**
 * IngressBackend: what may reach Services from outside the mesh.
 *
 * A mistake refuses the whole object: with one source less, a backend could be open to more than was meant.
 *
 * @module
 */
import * as v from "valibot";
import type { Report } from "../base/report.ts";
import { type AddressRange, parseAddressRange } from "./address-range.ts";
import { AnyText, Flag, fieldsOf, listOf, NameText, Port, Text } from "./fields.ts";
import { isHostOrWildcard } from "./host-name.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type LocalRef, LocalRefFields } from "./local-ref.ts";
import { type Meta, Metadata } from "./meta.ts";
import { type ObjectStatus, Status } from "./status.ts";

export interface IngressBackendPort {
  /** Name of a Service of the object's own namespace. */
  readonly name: string;
  /** `number` is the target port: what the pod listens on. */
  readonly port: { readonly number: number; readonly protocol: "http" | "https" };
  /** Has a meaning with https alone. */
  readonly tls: {
    /** False if left out: the client's certificate is asked for, and checked against the mesh's root. */
    readonly skipClientCertValidation: boolean;
    /** Lower case. Empty: any. */
    readonly sniHosts: readonly string[];
  };
}

export type IngressSource =
  /** The addresses of its endpoints. */
  | { readonly kind: "Service"; readonly namespace: string; readonly name: string }
  /** The name in a client certificate; `*` is any. */
  | { readonly kind: "AuthenticatedPrincipal"; readonly name: string }
  | { readonly kind: "IPRange"; readonly range: AddressRange };

export interface IngressBackend {
  readonly kind: "IngressBackend";
  readonly meta: Meta;
  /** As written; a name with a port number is there once. */
  readonly backends: readonly IngressBackendPort[];
  /** As written. */
  readonly sources: readonly IngressSource[];
  /** OSM read them and did nothing with them. */
  readonly matches: readonly LocalRef[];
  readonly status: ObjectStatus;
}

const Protocol = v.pipe(
  AnyText,
  v.transform((text) => text.toLowerCase()),
  v.picklist(["http", "https"], "http or https"),
);

const SniHost = v.pipe(
  AnyText,
  v.transform((text) => text.toLowerCase()),
  v.check(isHostOrWildcard, 'a host such as "example.org", or "*.example.org" for all hosts below it'),
);

const Backend = fieldsOf({
  name: NameText,
  port: fieldsOf({ number: Port, protocol: Protocol }),
  tls: v.nullish(fieldsOf({ skipClientCertValidation: Flag, sniHosts: listOf(SniHost) }), {}),
});

const SOURCES = ["Service", "AuthenticatedPrincipal", "IPRange"] as const;
const Source = v.pipe(
  fieldsOf({ kind: v.picklist(SOURCES, `one of ${SOURCES.join(", ")}`), name: NameText, namespace: Text }),
  v.rawTransform(({ dataset: { value: input }, addIssue, NEVER }): IngressSource => {
    const { kind, name, namespace } = input;
    if (kind === "AuthenticatedPrincipal") return { kind, name };
    if (kind === "Service" && namespace !== "") return { kind, namespace, name };
    const range = kind === "IPRange" ? parseAddressRange(name) : undefined;
    if (range !== undefined) return { kind: "IPRange", range };
    const key = kind === "IPRange" ? "name" : "namespace";
    const message = kind === "IPRange" ? 'a range of addresses such as "10.0.0.0/8"' : "the Service's namespace";
    const step = { type: "object", origin: "value", input, key, value: input[key] } as const;
    addIssue({ message, input: input[key], path: [step] });
    return NEVER;
  }),
);

const Spec = fieldsOf({
  backends: v.array(Backend, "a list of backends"),
  sources: v.array(Source, "a list of sources"),
  matches: listOf(LocalRefFields),
});

export const IngressBackend: Kind<IngressBackend> = defineKind({
  kind: "IngressBackend",
  group: "policy.openservicemesh.io",
  plural: "ingressbackends",
  versions: ["v1alpha1"],
  fields: "ours",
  schema: fieldsOf({ metadata: Metadata, spec: Spec, status: Status }),
  build: ({ spec, status }, meta, report): IngressBackend | undefined =>
    haveDuplicates(spec.backends, report)
      ? undefined
      : {
          kind: "IngressBackend",
          meta,
          backends: spec.backends,
          sources: spec.sources,
          matches: spec.matches,
          status,
        },
});

// Of two, OSM merged the sources: the open one opened the other. Its webhook refused them, too.
function haveDuplicates(backends: readonly IngressBackendPort[], report: Report): boolean {
  const keys = backends.map(({ name, port }) => `${name} ${port.number}`);
  const second = keys.findIndex((key, i) => keys.indexOf(key) < i);
  if (second === -1) return false;
  const first = keys.indexOf(keys[second] ?? "");
  report(
    "object-invalid",
    `spec.backends[${second}]`,
    `must be another Service or port than spec.backends[${first}]: take one out`,
  );
  return true;
}
