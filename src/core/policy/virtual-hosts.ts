/**
 * Virtual hosts of one route table: each domain in one of them only, or Envoy refuses the table (dataplane spec 4.2).
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import type { VirtualHost } from "../ir/route.ts";

/**
 * Takes a domain that is already claimed out of the later host, and says so.
 *
 * @param share - Gives equal hosts one identity. The same references come back where nothing clashes.
 */
export function uniqueDomains(
  hosts: readonly VirtualHost[],
  findings: Finding[],
  share: (host: VirtualHost) => VirtualHost,
): readonly VirtualHost[] {
  const owners = new Map<string, VirtualHost>();
  return hosts.flatMap((host) => {
    const clashing = host.domains.filter((domain) => owners.has(domain));
    for (const domain of host.domains) if (!owners.has(domain)) owners.set(domain, host);
    if (clashing.length === 0) return host;
    findings.push(...clashing.slice(0, 1).map((domain) => clash(host, domain, owners.get(domain))));
    const domains = host.domains.filter((domain) => owners.get(domain) === host);
    return domains.length === 0 ? [] : share({ ...host, domains });
  });
}

function clash(host: VirtualHost, domain: string, owner: VirtualHost | undefined): Finding {
  const [, fullName = ""] = host.name.split("|");
  const [first = "", second = ""] = fullName.split(".");
  // `svc.ns.svc.cluster.local`, or with a pod in front `pod.svc.ns.svc.cluster.local`.
  const [name, namespace = ""] = fullName.split(".").length > 5 ? fullName.split(".").slice(1) : [first, second];
  const message = `the host name ${domain} already means ${owner?.name.split("|")[1] ?? "another service"}: rename one of the two`;
  return finding("domain-conflict", { kind: "Service", namespace, name: name ?? "" }, "metadata.name", message);
}
