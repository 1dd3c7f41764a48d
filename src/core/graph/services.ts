/**
 * Services → service nodes: who is behind each port, on which addresses (dataplane spec 2.2 to 2.6).
 *
 * @module
 */
import type { Finding } from "../base/finding.ts";
import { memoByParts, sameItems } from "../base/memo.ts";
import { compareNames, compareText, keyOf } from "../base/ref.ts";
import { type Report, reportTo } from "../base/report.ts";
import type { EndpointSlice } from "../model/endpoint-slice.ts";
import type { Endpoints } from "../model/endpoints.ts";
import { refOf } from "../model/object.ts";
import type { Pod } from "../model/pod.ts";
import type { Service, ServicePort } from "../model/service.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { addressesOf, indexSlices, isIpv4, type ServiceAddress } from "./endpoints.ts";
import type { PodIndex } from "./pods.ts";
import { accountOf } from "./pods.ts";
import { type PortProtocol, protocolOf, suggestedProtocol } from "./protocol.ts";
import { containerPortNamed, type EndpointNode, type PortNode, type ServiceNode } from "./service-node.ts";

export interface LinkedServices {
  /** Sorted by namespace and name. */
  readonly services: readonly ServiceNode[];
  readonly findings: readonly Finding[];
}

export function linkServices(
  snapshot: Snapshot,
  pods: PodIndex,
  isMember: (namespace: string) => boolean,
): LinkedServices {
  const slices = indexSlices(snapshot.objects.EndpointSlice);
  const findings: Finding[] = [];
  const services: ServiceNode[] = [];
  for (const [key, service] of snapshot.objects.Service) {
    if (!isMember(service.meta.namespace) || service.externalName !== undefined) continue;
    const sources = { slices: slices.get(key) ?? [], endpoints: snapshot.objects.Endpoints.get(key), pods };
    const linked = linkedService(service, sources);
    findings.push(...linked.findings);
    if (linked.node !== undefined) services.push(linked.node);
  }
  return { services: services.sort(compareNames), findings };
}

/** All that a service's node is made of, beside the Service. */
interface Sources {
  readonly slices: readonly EndpointSlice[];
  readonly endpoints: Endpoints | undefined;
  readonly pods: PodIndex;
}

interface Linked {
  readonly node: ServiceNode | undefined;
  readonly findings: readonly Finding[];
}

const lastLinked = memoByParts<Service, Linked>();

/** The last node of this Service, if it would be made of the same: later stages compare nodes by reference. */
function linkedService(service: Service, sources: Sources): Linked {
  const { slices, endpoints, pods } = sources;
  return lastLinked(service, [pods, endpoints, ...slices], (last) => {
    const findings: Finding[] = [];
    const addresses = (port: ServicePort) => addressesOf(service, port, sources);
    const made = linkService(service, addresses, pods, findings);
    const node = last?.node !== undefined && made !== undefined && sameNode(last.node, made) ? last.node : made;
    return { node, findings };
  });
}

/** Of one Service, so that all that it says itself is equal. Ports are small plain values. */
function sameNode(a: ServiceNode, b: ServiceNode): boolean {
  return sameItems(a.pods, b.pods) && JSON.stringify(a.ports) === JSON.stringify(b.ports);
}

type AddressesOf = (port: ServicePort) => readonly ServiceAddress[];

/** One Service while its ports are linked. */
interface Linking {
  readonly service: Service;
  readonly addresses: AddressesOf;
  readonly pods: PodIndex;
  /** The pods behind the Service that have a sidecar. */
  readonly members: readonly Pod[];
  readonly report: Report;
}

function linkService(
  service: Service,
  addresses: AddressesOf,
  pods: PodIndex,
  findings: Finding[],
): ServiceNode | undefined {
  const { namespace, name } = service.meta;
  const report = reportTo(findings, refOf(service));
  const selected = selectedPods(service, addresses, pods);
  if (selected === undefined) {
    report("service-without-selector", "spec.selector", NO_SELECTOR);
    return undefined;
  }
  for (const pod of selected.filter(({ proxyUuid }) => proxyUuid === undefined)) {
    report("service-pod-without-sidecar", "spec.selector", bareText(pod));
  }
  const members = selected.filter((pod) => pod.proxyUuid !== undefined);
  const linking: Linking = { service, addresses, pods, members, report };
  const ports = service.ports.flatMap((port, i) => linkPort(linking, port, `spec.ports[${i}]`));
  return {
    namespace,
    name,
    ports: onePerPort(ports),
    pods: members,
    accounts: accountsOf(members),
    timeouts: service.timeouts,
    ...(service.authorization && { authorization: service.authorization }),
  };
}

const NO_SELECTOR =
  "it has no selector and not all of its addresses are pods of the mesh: give it a selector, or move it to a namespace outside the mesh";

function bareText(pod: Pod): string {
  return `it selects pod ${keyOf(pod.meta)}, which has no sidecar: restart the pod with injection on, or take it out of the selector`;
}

/** @returns undefined where nothing shows that the Service is of the mesh. */
function selectedPods(service: Service, addresses: AddressesOf, pods: PodIndex): readonly Pod[] | undefined {
  if (Object.keys(service.selector).length > 0) return pods.select(service.meta.namespace, service.selector);
  const behind = service.ports.flatMap(addresses).map(({ ip }) => ownPod(service, pods.byAddress.get(ip)));
  const known = [...new Set(behind)].filter((pod) => pod !== undefined);
  // One address outside is enough to leave it out: mutual TLS to it would fail for a share of the requests.
  return known.length === 0 || behind.includes(undefined) ? undefined : known;
}

/** Pods of other namespaces do not count: whoever may write Services in one must not open ports of another's pods. */
function ownPod({ meta }: Service, pod: Pod | undefined): Pod | undefined {
  return pod?.meta.namespace === meta.namespace ? pod : undefined;
}

function linkPort(linking: Linking, port: ServicePort, path: string): readonly PortNode[] {
  const protocol = checkedProtocol(linking, port, path);
  if (protocol === undefined) return [];
  const { service, pods, members } = linking;
  const addresses = linking.addresses(port);
  // Addresses of other pods, added by hand: their proxies do not know the Service, so nobody could answer there.
  const behind = addresses.filter(({ ip }) => members.some((pod) => pod === pods.byAddress.get(ip)));
  const whole: PortNode = {
    host: "",
    port: port.port,
    targetPort: targetPortOf(linking, port, `${path}.targetPort`, addresses),
    ...(typeof port.targetPort === "string" && { targetName: port.targetPort }),
    protocol: protocol.text,
    carriage: protocol.carriage,
    serverFirst: protocol.serverFirst,
    dialled: dialledAddresses(service, behind),
    endpoints: endpointNodes(behind, pods),
  };
  return service.headless ? headlessPorts(whole, behind, pods) : [whole];
}

function checkedProtocol({ report }: Linking, port: ServicePort, path: string): PortProtocol | undefined {
  if (port.transport !== "TCP") {
    report("port-udp", `${path}.protocol`, `port ${port.port} is ${port.transport}, which goes past the sidecar`);
    return undefined;
  }
  const protocol = protocolOf(port);
  if (protocol === undefined) {
    const message = `"${port.appProtocol ?? ""}" is none of http, grpc, tcp, tcp-server-first, https, h2c: write the one that fits`;
    report("port-protocol-unsupported", `${path}.appProtocol`, message);
    return undefined;
  }
  const better = protocol.assumed ? suggestedProtocol(port) : undefined;
  if (better !== undefined) {
    const message = `port ${port.port} is treated as HTTP since nothing says otherwise: write appProtocol: ${better} (or http, if it is)`;
    report("port-protocol-assumed", path, message);
  }
  return protocol;
}

/**
 * The number in the Service, or what the pods declare under that name: not what its endpoints say, or clusters would be
 * renamed when a pod becomes ready. Without a selector the endpoints are written by hand, and Kubernetes goes by them.
 */
function targetPortOf(
  { service, members, report }: Linking,
  { port, targetPort }: ServicePort,
  path: string,
  addresses: readonly ServiceAddress[],
): number {
  const [written] = addresses.map((one) => one.port).sort((a, b) => a - b);
  if (Object.keys(service.selector).length === 0 && written !== undefined) return written;
  if (typeof targetPort === "number") return targetPort;
  const declared = members.flatMap((pod) => containerPortNamed(pod, targetPort) ?? []);
  const [lowest] = declared.sort((a, b) => a - b);
  if (lowest === undefined) {
    const message = `no selected pod declares a container port named "${targetPort}": ${port} is assumed until one does`;
    report("port-target-unresolved", path, message);
  }
  return lowest ?? port;
}

/** IPv4 only: an IPv6 cluster address cannot be matched, so such a Service is dialled by its pods' addresses. */
function dialledAddresses({ clusterIps }: Service, behind: readonly ServiceAddress[]): readonly string[] {
  const virtual = clusterIps.filter(isIpv4);
  return virtual.length > 0 ? virtual : uniqueText(behind.map(({ ip }) => ip));
}

/**
 * Of a headless Service whose addresses have host names (a StatefulSet's), each pod is a destination of its own.
 *
 * The Service's own name stays reachable over HTTP: its virtual host stands beside the pods', and the pods' chains
 * lead there. Over TCP there is no name on the wire, so the address decides, and that is a pod's. Pods without a host
 * name, of a Deployment behind the same Service, stay behind its own name.
 */
function headlessPorts(whole: PortNode, behind: readonly ServiceAddress[], pods: PodIndex): readonly PortNode[] {
  const hosts = uniqueText(behind.map(({ hostname }) => hostname).filter((name) => name !== ""));
  if (hosts.length === 0) return [whole];
  const nameless = behind.filter(({ hostname }) => hostname === "");
  const each = hosts.map((host): PortNode => {
    const own = behind.filter(({ hostname }) => hostname === host);
    return {
      ...whole,
      host,
      dialled: uniqueText(own.map(({ ip }) => ip)),
      endpoints: endpointNodes(own, pods),
    };
  });
  const dialled = uniqueText(nameless.map(({ ip }) => ip));
  if (whole.carriage === "http") return [{ ...whole, dialled }, ...each];
  return nameless.length === 0 ? each : [{ ...whole, dialled, endpoints: endpointNodes(nameless, pods) }, ...each];
}

function endpointNodes(addresses: readonly ServiceAddress[], pods: PodIndex): readonly EndpointNode[] {
  return addresses
    .map(({ ip, port, draining }): EndpointNode => {
      const pod = pods.byAddress.get(ip);
      return { address: ip, port, account: pod && accountOf(pod), ...(draining && { draining }) };
    })
    .sort((a, b) => compareText(a.address, b.address) || a.port - b.port);
}

function accountsOf(members: readonly Pod[]): ServiceNode["accounts"] {
  const accounts = members.map((pod) => ({
    namespace: pod.meta.namespace,
    name: pod.serviceAccount,
  }));
  return [...new Map(accounts.map((account) => [keyOf(account), account])).values()].sort(compareNames);
}

/** Kubernetes allows one port number twice with different transports; of TCP ports each number is there once. */
function onePerPort(ports: readonly PortNode[]): readonly PortNode[] {
  return [...new Map(ports.map((port) => [`${port.port}/${port.host}`, port])).values()].sort(
    (a, b) => a.port - b.port || compareText(a.host, b.host),
  );
}

function uniqueText(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort(compareText);
}
