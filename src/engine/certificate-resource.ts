/**
 * A proxy's resources with its certificate among the secrets. Only proxies whose identity was proven get this value.
 *
 * @module
 */
import { memoByObject } from "../core/base/memo.ts";
import { encodeSecret } from "../core/envoy/encode.ts";
import { buildServiceCertificate } from "../core/envoy/secret.ts";
import { groupOf, type ProxyResources, type Resource, type ResourceGroup } from "../xds/resource.ts";
import type { Leaf, LeafSource } from "./ports.ts";

export type AddCertificate = (resources: ProxyResources, leaf: Leaf) => ProxyResources;

export function createCertificateAdder(leaves: Pick<LeafSource, "adopt">): AddCertificate {
  const certificateOf = memoByObject(({ account, chainPem, key, version }: Leaf): Resource => {
    const { name, body } = encodeSecret(buildServiceCertificate(chainPem, key));
    return { name, body, version, adopt: (held) => leaves.adopt(account, held) };
  });
  // Kept by the leaf, which is one account's alone, and gone when the leaf is.
  const secretsWith = memoByObject((leaf: Leaf) =>
    memoByObject((group: ResourceGroup) => groupOf("secret", [...group.byName.values(), certificateOf(leaf)])),
  );
  return (resources, leaf) => ({ ...resources, secret: secretsWith(leaf)(resources.secret) });
}
