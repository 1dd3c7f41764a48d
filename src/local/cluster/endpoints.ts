/**
 * Services and pods → EndpointSlices, the table of service addresses, and the names in DNS.
 *
 * @module
 */
import { compareText } from "../../core/base/ref.ts";
import type { EndpointSlice } from "../../core/model/endpoint-slice.ts";
import type { Endpoints } from "../../core/model/endpoints.ts";
import type { ContainerPort } from "../../core/model/port.ts";
import type { Service, ServicePort } from "../../core/model/service.ts";
import type { ServiceAddress, ServiceName } from "../runtime/ports.ts";
import { shortHash } from "./names.ts";
import type { PodIdentity } from "./pod-record.ts";
import type { PodRunView } from "./pod-runner.ts";
import type { RawObject } from "./raw-object.ts";

export interface RunningPod {
  readonly pod: PodIdentity;
  readonly view: PodRunView;
}

interface ResolvedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol?: string;
}

/**
 * The slices of one Service: one for each way that its ports resolve, since a named port may differ between pods.
 *
 * @param publishNotReady - The Service's `publishNotReadyAddresses`.
 */
export function buildSlices(
  service: Service,
  pods: readonly RunningPod[],
  publishNotReady: boolean,
): readonly RawObject[] {
  if (Object.keys(service.selector).length === 0) return [];
  const { namespace, name } = service.meta;
  const groups = new Map<string, { readonly ports: readonly ResolvedPort[]; readonly pods: RunningPod[] }>();
  for (const one of pods.filter((candidate) => isBehind(service, candidate))) {
    const ports = resolvePorts(service.ports, one.pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, pods: [] };
    group.pods.push(one);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ ports, pods: behind }) => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${name}-${shortHash(ports)}`,
      namespace,
      labels: { "kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "osm-local" },
    },
    addressType: "IPv4",
    ports,
    endpoints: behind
      .sort((a, b) => compareText(a.pod.facts.name, b.pod.facts.name))
      .map((one) => toEndpoint(service, one, publishNotReady)),
  }));
}

function isBehind({ meta, selector }: Service, { pod, view }: RunningPod): boolean {
  if (pod.facts.namespace !== meta.namespace || view.phase === "Succeeded" || view.phase === "Failed") return false;
  return Object.entries(selector).every(([key, value]) => pod.facts.labels[key] === value);
}

function resolvePorts(ports: readonly ServicePort[], { template }: PodIdentity): readonly ResolvedPort[] {
  const declared = template.spec.containers.flatMap((container) => container.ports);
  return ports.flatMap(({ name, transport, targetPort, appProtocol }): readonly ResolvedPort[] => {
    const port = typeof targetPort === "number" ? targetPort : portNamed(targetPort, transport, declared);
    if (port === undefined) return [];
    return [{ name, port, protocol: transport, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

function portNamed(name: string, transport: string, declared: readonly ContainerPort[]): number | undefined {
  return declared.find((port) => port.name === name && port.transport === transport)?.port;
}

function toEndpoint({ meta }: Service, { pod, view }: RunningPod, publishNotReady: boolean): RawObject {
  const { ready, terminating } = view;
  const { facts, dnsName, subdomain } = pod;
  return {
    addresses: [facts.ip],
    conditions: { ready: publishNotReady || (ready && !terminating), serving: ready, terminating },
    ...(dnsName !== "" && subdomain === meta.name ? { hostname: dnsName } : {}),
    nodeName: facts.nodeName,
    targetRef: { kind: "Pod", namespace: facts.namespace, name: facts.name, uid: facts.uid },
  };
}

/** What is behind a Service, whoever wrote it down: slices of ours, slices or Endpoints of the user's. */
export interface Backends {
  readonly slices: readonly EndpointSlice[];
  readonly endpoints: readonly Endpoints[];
}

interface Backend {
  readonly ip: string;
  readonly hostname: string;
  readonly ports: readonly { readonly name: string; readonly port: number }[];
}

/** What the service addresses of `service` lead to. */
export function toServiceAddresses(service: Service, clusterIp: string, backends: Backends): readonly ServiceAddress[] {
  const behind = backendsOf(service, backends);
  return service.ports.flatMap(({ name, port, transport }): readonly ServiceAddress[] => {
    const protocol = protocolOf(transport);
    if (protocol === undefined) return [];
    const endpoints = behind.flatMap(({ ip, ports }) =>
      ports.filter((one) => one.name === name).map((one) => ({ ip, port: one.port })),
    );
    return [{ ip: clusterIp, port, protocol, endpoints }];
  });
}

/** What DNS says of `service`; a headless one has no `clusterIp`. */
export function toServiceName(service: Service, clusterIp: string | undefined, backends: Backends): ServiceName {
  const { namespace, name } = service.meta;
  return {
    namespace,
    name,
    ...(clusterIp === undefined ? {} : { clusterIp }),
    ports: service.ports.flatMap((one) => {
      const protocol = protocolOf(one.transport);
      return protocol === undefined
        ? []
        : [{ ...(one.name === "" ? {} : { name: one.name }), port: one.port, protocol }];
    }),
    endpoints: backendsOf(service, backends).map(({ ip, hostname }) => (hostname === "" ? { ip } : { ip, hostname })),
  };
}

// As kube-proxy: the ready ones; if there are none, those that are going but still answer.
function backendsOf(service: Service, { slices, endpoints }: Backends): readonly Backend[] {
  const { namespace, name } = service.meta;
  const all = slices
    .filter((slice) => slice.meta.namespace === namespace && slice.service === name)
    .flatMap((slice) => slice.endpoints.map((endpoint) => ({ ...endpoint, ports: slice.ports })));
  const ready = all.filter((one) => one.ready);
  const usable = ready.length > 0 ? ready : all.filter(({ serving, terminating }) => serving && terminating);
  const fromSlices = usable.flatMap(({ addresses, hostname, ports }) =>
    addresses.map((ip) => ({ ip, hostname, ports })),
  );
  const fromEndpoints = endpoints
    .filter(({ meta }) => meta.namespace === namespace && meta.name === name)
    .flatMap(({ subsets }) => subsets)
    .flatMap(({ addresses, ports }) => addresses.map(({ ip, hostname }) => ({ ip, hostname, ports })));
  return [...fromSlices, ...fromEndpoints].sort((a, b) => compareText(a.ip, b.ip));
}

function protocolOf(transport: string): "tcp" | "udp" | undefined {
  return transport === "TCP" ? "tcp" : transport === "UDP" ? "udp" : undefined;
}
