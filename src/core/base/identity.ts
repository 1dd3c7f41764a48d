/**
 * Who a workload is: its service account, and the spellings of that in certificates and RBAC.
 *
 * A service account's name may hold dots, a namespace's may not, so every spelling is read from the right,
 * with the trust domain known (OSM read from the left and broke on dotted names; dataplane spec 1.2).
 *
 * @module
 */
import type { NamespacedName } from "./ref.ts";

/** A service account, the only identity there is. */
export type ServiceAccountName = NamespacedName;

/** What a proxy's client certificate proves. */
export interface ProxyIdentity {
  /** The pod's `osm-proxy-uuid`. */
  readonly uuid: string;
  readonly serviceAccount: ServiceAccountName;
}

/**
 * What tells proxies apart: uuid and account together. A uuid alone is a label, which the owner of any namespace of the
 * mesh could copy from a pod of another; what a certificate proves cannot be copied.
 */
export function proxyKey({ uuid, serviceAccount }: ProxyIdentity): string {
  return `${uuid}.${serviceAccount.namespace}/${serviceAccount.name}`;
}

export const DEFAULT_TRUST_DOMAIN = "cluster.local";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** `<account>.<namespace>.<trust domain>`: common name and DNS SAN of a service certificate, and its principal in RBAC. */
export function principalOf({ namespace, name }: ServiceAccountName, trustDomain: string): string {
  return `${name}.${namespace}.${trustDomain}`;
}

/** `spiffe://<trust domain>/<account>/<namespace>`, in OSM's order of the two. */
export function spiffeIdOf({ namespace, name }: ServiceAccountName, trustDomain: string): string {
  return `spiffe://${trustDomain}/${name}/${namespace}`;
}

/** `<uuid>.sidecar.<account>.<namespace>.<trust domain>`: the common name that a proxy shows to the control plane. */
export function proxyCommonName({ uuid, serviceAccount }: ProxyIdentity, trustDomain: string): string {
  return `${uuid}.sidecar.${principalOf(serviceAccount, trustDomain)}`;
}

/**
 * Reads a proxy's common name.
 *
 * @returns undefined for anything but `<uuid>.sidecar.<account>.<namespace>.<trust domain>` of this trust domain.
 */
export function parseProxyCommonName(commonName: string, trustDomain: string): ProxyIdentity | undefined {
  const suffix = `.${trustDomain}`;
  if (!commonName.endsWith(suffix)) return undefined;
  const [uuid, kind, ...rest] = commonName.slice(0, -suffix.length).split(".");
  const namespace = rest.pop();
  if (uuid === undefined || !UUID.test(uuid) || kind !== "sidecar") return undefined;
  if (namespace === undefined || namespace === "" || rest.length === 0 || rest.includes("")) return undefined;
  return {
    uuid: uuid.toLowerCase(),
    serviceAccount: { namespace, name: rest.join(".") },
  };
}
