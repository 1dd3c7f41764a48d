/**
 * The root that an operator chose: what is written of it, and what must be there before.
 *
 * @module
 */
import type { RootProvider } from "../core/model/mesh-root-certificate.ts";
import { RotationRefused } from "../rotation/record.ts";
import type { RootPlace } from "./root-objects.ts";
import { readRootSecret } from "./root-secret.ts";

/** Absent is left to the control plane. */
export interface RootChoice {
  readonly trustDomain?: string | undefined;
  /** Absent: a new root of the mesh's own. */
  readonly provider?: RootProvider | undefined;
  /** An existing MeshRootCertificate, which has all of the rest. */
  readonly meshRootCertificate?: string | undefined;
  /** Of the MeshRootCertificate that is made. */
  readonly name?: string | undefined;
}

/**
 * A key that is named must be there: it is somebody's own, and making another in its place would be a surprise.
 *
 * Rejects with `RotationRefused`, or with `RootRefused` if the Secret is no root.
 */
export async function checkSecret(provider: RootProvider, { client, namespace }: RootPlace): Promise<void> {
  checkPlace(provider, namespace);
  if (provider.kind !== "tresor") return;
  const { secret } = provider;
  if ((await readRootSecret({ client, namespace, name: secret.name })) === undefined)
    throw new RotationRefused(
      `there is no Secret ${namespace}/${secret.name}: make it with kubectl -n ${namespace} create secret generic ${secret.name} --from-file=ca.crt=FILE --from-file=private.key=FILE`,
    );
}

/**
 * OSM passed over the namespace that was written, and took the Secret of that name in the mesh's own.
 *
 * @throws RotationRefused if the key would be in another namespace: nothing is read there.
 */
export function checkPlace(provider: RootProvider, namespace: string): void {
  if (provider.kind !== "tresor" || provider.secret.namespace === namespace) return;
  const { secret } = provider;
  throw new RotationRefused(
    `Secret ${secret.namespace}/${secret.name} is not in the mesh's namespace: put it into ${namespace}`,
  );
}

/** Eight digits, for names. */
export function randomHex(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
