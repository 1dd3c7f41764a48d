/**
 * The cluster around the proxies: names, cluster addresses and whose address is whose.
 *
 * @module
 */
import { keyOf } from "../../src/core/base/ref.ts";
import type { Pod } from "../../src/core/model/pod.ts";
import type { Service } from "../../src/core/model/service.ts";
import type { Snapshot } from "../../src/core/model/snapshot.ts";
import type { Address } from "./proxy.ts";

export interface Network {
  /** @throws Error if there is none. */
  podNamed(key: string): Pod;
  podAt(address: string): Pod | undefined;
  /**
   * As a resolver in a pod of `namespace` does, search list included. Addresses stand for themselves.
   *
   * @throws Error for a name that does not resolve.
   */
  resolve(host: string, namespace: string): readonly string[];
  /** Empty for such a name. */
  tryResolve(host: string, namespace: string): readonly string[];
  /** Where a plain connection ends up: at one of the pods behind a cluster address, or where it was sent. */
  behind(to: Address): readonly Address[];
}

export function createNetwork({ objects }: Snapshot): Network {
  const byAddress = new Map([...objects.Pod.values()].flatMap((pod) => pod.ips.map((ip) => [ip, pod] as const)));

  function slicesOf({ meta }: Service) {
    return [...objects.EndpointSlice.values()].filter(
      (slice) => slice.meta.namespace === meta.namespace && slice.service === meta.name,
    );
  }

  function addressesOf(service: Service, hostname: string | undefined): readonly string[] {
    if (!service.headless) return service.clusterIps;
    const all = slicesOf(service).flatMap((slice) => slice.endpoints);
    const meant = all.filter((one) => one.ready && (hostname === undefined || one.hostname === hostname));
    return [...new Set(meant.flatMap(({ addresses }) => addresses))].sort();
  }

  function tryResolve(host: string, namespace: string): readonly string[] {
    if (/^[\d.]+$/.test(host)) return [host];
    const labels = host.replace(/\.svc(\.cluster\.local)?$/, "").split(".");
    for (const candidate of readings(labels, namespace)) {
      const service = objects.Service.get(keyOf(candidate));
      const addresses = service === undefined ? [] : addressesOf(service, candidate.hostname);
      if (addresses.length > 0) return addresses;
    }
    return [];
  }

  return {
    podNamed(key) {
      const pod = objects.Pod.get(key);
      if (pod === undefined) throw new Error(`there is no pod ${key}`);
      return pod;
    },
    podAt: (address) => byAddress.get(address),
    tryResolve,
    resolve(host, namespace) {
      const addresses = tryResolve(host, namespace);
      if (addresses.length === 0) throw new Error(`${host} does not resolve in namespace ${namespace}`);
      return addresses;
    },
    behind(to) {
      const service = [...objects.Service.values()].find(({ clusterIps }) => clusterIps.includes(to.address));
      const port = service?.ports.find((one) => one.port === to.port);
      if (service === undefined || port === undefined) return [to];
      return slicesOf(service).flatMap(({ ports, endpoints }) => {
        const own = ports.find(({ name }) => name === port.name);
        return endpoints.flatMap(({ addresses }) =>
          own === undefined ? [] : addresses.map((address) => ({ address, port: own.port })),
        );
      });
    },
  };
}

/** `svc`, `svc.ns`, `pod.svc.ns`, and `pod.svc` of the caller's own namespace. */
function readings(
  [a = "", b, c]: readonly string[],
  namespace: string,
): readonly { readonly namespace: string; readonly name: string; readonly hostname?: string }[] {
  if (b === undefined) return [{ namespace, name: a }];
  if (c !== undefined) return [{ namespace: c, name: b, hostname: a }];
  return [
    { namespace: b, name: a },
    { namespace, name: b, hostname: a },
  ];
}
