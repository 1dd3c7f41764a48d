/**
 * A proxy's resources with its certificate among the secrets. Only proxies whose identity was proven get this value.
 *
 * @module
 */
import { memoByObject } from "../core/base/memo.ts";
import { encodeSecret } from "../core/envoy/encode.ts";
import { SERVICE_CERTIFICATE } from "../core/envoy/names.ts";
import { buildServiceCertificate } from "../core/envoy/secret.ts";
import { groupOf, type ProxyResources, type Resource, type ResourceGroup, withheldResource } from "../xds/resource.ts";
import type { Leaf, LeafSource } from "./ports.ts";

export interface Certificates {
  add(resources: ProxyResources, leaf: Leaf): ProxyResources;
  /** For a proxy that holds one already: the rest, while no new one can be had. It goes on with what it holds. */
  withhold(resources: ProxyResources, account: Leaf["account"]): ProxyResources;
}

export function createCertificates(leaves: Pick<LeafSource, "adopt">): Certificates {
  const certificateOf = memoByObject(({ account, chainPem, key, version }: Leaf): Resource => {
    const { name, body } = encodeSecret(buildServiceCertificate(chainPem, key));
    return { name, body, version, adopt: (held) => leaves.adopt(account, held) };
  });
  // Kept by the leaf, which is one account's alone, and gone when the leaf is.
  const secretsWith = memoByObject((leaf: Leaf) =>
    memoByObject((group: ResourceGroup) => withResource(group, certificateOf(leaf))),
  );
  return {
    add: (resources, leaf) => ({ ...resources, secret: secretsWith(leaf)(resources.secret) }),
    withhold(resources, account) {
      const absent = withheldResource(SERVICE_CERTIFICATE, (held) => leaves.adopt(account, held));
      return { ...resources, secret: withResource(resources.secret, absent) };
    },
  };
}

function withResource(group: ResourceGroup, one: Resource): ResourceGroup {
  return groupOf("secret", [...group.byName.values(), one]);
}
