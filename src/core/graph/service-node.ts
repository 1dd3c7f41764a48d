/**
 * A Service of the mesh with everything that hangs on it resolved: its pods, its ports, what is behind each.
 *
 * @module
 */
import type { ServiceAccountName } from "../base/identity.ts";
import type { Carriage } from "../ir/protocol.ts";
import type { Pod } from "../model/pod.ts";
import type { ServiceTimeouts } from "../model/service.ts";

/** An address behind a port, and whose it is. */
export interface EndpointNode {
  readonly address: string;
  readonly port: number;
  /** `namespace/account` of the pod; undefined where no pod of the mesh has the address. */
  readonly account: string | undefined;
  /** It is going away, but still answers what is under way. */
  readonly draining?: true;
}

/** One port of a Service, or of one StatefulSet pod of a headless Service. */
export interface PortNode {
  /** The pod's host name; "" for the Service itself. */
  readonly host: string;
  readonly port: number;
  /** Where it leads; of a named port that differs between pods, the lowest. */
  readonly targetPort: number;
  /** The name of the containers' port, if it is given by name. */
  readonly targetName?: string;
  /** The protocol as written, part of names. */
  readonly protocol: string;
  readonly carriage: Carriage;
  readonly serverFirst: boolean;
  /** What clients dial, sorted: the cluster address or, headless, the pods'. Empty: no chain of its own. */
  readonly dialled: readonly string[];
  /** Sorted. */
  readonly endpoints: readonly EndpointNode[];
}

export interface ServiceNode {
  readonly namespace: string;
  readonly name: string;
  /** Sorted by port, then host. */
  readonly ports: readonly PortNode[];
  /** The pods with sidecars that it leads to, ready or not. */
  readonly pods: readonly Pod[];
  /** The accounts of those pods, sorted: the identities that may answer. */
  readonly accounts: readonly ServiceAccountName[];
  readonly timeouts: ServiceTimeouts;
  /** What the Service itself says about external authorisation; absent: the MeshConfig decides. */
  readonly authorization?: "enabled" | "disabled";
}

/** The port of one pod that `port` leads to: a named target port may be another number in each pod. */
export function targetPortIn(pod: Pod, { targetName, targetPort }: PortNode): number {
  return targetName === undefined ? targetPort : (containerPortNamed(pod, targetName) ?? targetPort);
}

export function containerPortNamed(pod: Pod, name: string): number | undefined {
  return pod.containerPorts.find((one) => one.name === name && one.transport === "TCP")?.port;
}

/** `ns/svc|<target port>`, of a StatefulSet's pod `ns/<pod>.<svc>|<target port>` (dataplane spec 2.2). */
export function clusterName(service: ServiceNode, { host, targetPort }: PortNode): string {
  return `${service.namespace}/${host === "" ? "" : `${host}.`}${service.name}|${targetPort}`;
}

/** `ns/svc`, with the pod in front of a headless Service's: the middle of chain names. */
export function chainSubject(service: ServiceNode, { host }: PortNode): string {
  return `${service.namespace}/${host === "" ? "" : `${host}.`}${service.name}`;
}
