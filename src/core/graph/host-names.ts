/**
 * The names that clients call a service by (dataplane spec 2.7).
 *
 * @module
 */
const SUFFIXES = [".svc", ".svc.cluster", ".svc.cluster.local"];

/** A service, or with `host` one StatefulSet pod of it. */
export interface HostNamed {
  readonly namespace: string;
  readonly name: string;
  /** The pod's host name; "" for the service itself. */
  readonly host: string;
}

/** `svc` or `pod.svc`: the first labels of every name. */
function shortName({ name, host }: HostNamed): string {
  return host === "" ? name : `${host}.${name}`;
}

/** `svc.ns.svc.cluster.local`, whatever the trust domain: SNI of mesh connections and key of virtual hosts. */
export function domainName(service: HostNamed): string {
  return `${shortName(service)}.${service.namespace}.svc.cluster.local`;
}

/**
 * All names, each alone and with the Service port: ten for callers in the service's own namespace, eight for others.
 *
 * `:authority` carries the port that the client dialled, so names are listed with Service ports, on the server too.
 */
export function hostNames(
  service: HostNamed,
  ports: readonly number[],
  view: "same-namespace" | "other-namespace",
): readonly string[] {
  const short = shortName(service);
  const qualified = `${short}.${service.namespace}`;
  const names = [qualified, ...SUFFIXES.map((suffix) => qualified + suffix)];
  if (view === "same-namespace") names.unshift(short);
  return names.flatMap((name) => [name, ...ports.map((port) => `${name}:${port}`)]);
}
