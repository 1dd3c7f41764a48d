/**
 * Pod, as the control plane sees it: who it is, where it is and whether it is ready. How its containers run is in
 * `pod-spec.ts`.
 *
 * @module
 */
import * as v from "valibot";
import { Flag, fieldsOf, listOf, NameText, Text } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { METADATA_ENTRIES, type Meta } from "./meta.ts";
import { type ContainerPort, ContainerPorts } from "./port.ts";

export const PROXY_UUID_LABEL = "osm-proxy-uuid";

export interface Pod {
  readonly kind: "Pod";
  readonly meta: Meta;
  readonly serviceAccount: string;
  /** `status.podIPs`, or `status.podIP` alone. */
  readonly ips: readonly string[];
  /** Condition `Ready`. */
  readonly ready: boolean;
  /**
   * All containers are ready, and nothing else decides about the pod (no readiness gate). A pod of which this holds and
   * `ready` does not is one whose kubelet has not been heard of: the node controller alone calls it not ready.
   */
  readonly containersReady: boolean;
  /** `status.phase`; "" before there is a status. */
  readonly phase: string;
  /** It has a deletion timestamp. */
  readonly terminating: boolean;
  readonly hostNetwork: boolean;
  readonly hostname: string;
  readonly subdomain: string;
  readonly nodeName: string;
  /** Label `osm-proxy-uuid`, in lower case. */
  readonly proxyUuid?: string;
  /** Of all containers, init containers included. */
  readonly containerPorts: readonly ContainerPort[];
  /** The owner that controls it. */
  readonly owner?: { readonly kind: string; readonly name: string };
}

const PodMetadata = fieldsOf({
  ...METADATA_ENTRIES,
  deletionTimestamp: v.nullish(v.unknown()),
  ownerReferences: listOf(fieldsOf({ kind: NameText, name: NameText, controller: Flag })),
});

const Containers = listOf(fieldsOf({ ports: ContainerPorts }));

const Spec = fieldsOf({
  serviceAccountName: Text,
  serviceAccount: Text,
  hostNetwork: Flag,
  hostname: Text,
  subdomain: Text,
  nodeName: Text,
  readinessGates: listOf(v.unknown()),
  initContainers: Containers,
  containers: Containers,
});

const Status = fieldsOf({
  phase: Text,
  podIP: Text,
  podIPs: listOf(fieldsOf({ ip: Text })),
  conditions: listOf(fieldsOf({ type: Text, status: Text })),
});

export const Pod: Kind<Pod> = defineKind({
  kind: "Pod",
  group: "",
  plural: "pods",
  versions: ["v1"],
  fields: "theirs",
  schema: fieldsOf({ metadata: PodMetadata, spec: v.nullish(Spec, {}), status: v.nullish(Status, {}) }),
  build: ({ metadata, spec, status }, meta): Pod => ({
    kind: "Pod",
    meta,
    serviceAccount: accountOf(spec),
    ips: ipsOf(status),
    ready: isTrue(status, "Ready"),
    containersReady: isTrue(status, "ContainersReady") && spec.readinessGates.length === 0,
    phase: status.phase,
    terminating: metadata.deletionTimestamp != null,
    hostNetwork: spec.hostNetwork,
    hostname: spec.hostname,
    subdomain: spec.subdomain,
    nodeName: spec.nodeName,
    containerPorts: [...spec.initContainers, ...spec.containers].flatMap(({ ports }) => ports),
    ...uuidOf(meta),
    ...ownerOf(metadata),
  }),
});

/** `serviceAccount` is the older spelling. */
export function accountOf(spec: { readonly serviceAccountName: string; readonly serviceAccount: string }): string {
  return spec.serviceAccountName || spec.serviceAccount || "default";
}

function isTrue({ conditions }: v.InferOutput<typeof Status>, condition: string): boolean {
  return conditions.some(({ type, status }) => type === condition && status === "True");
}

function ipsOf({ podIP, podIPs }: v.InferOutput<typeof Status>): readonly string[] {
  const ips = podIPs.length > 0 ? podIPs.map(({ ip }) => ip) : [podIP];
  return ips.filter((ip) => ip !== "");
}

function uuidOf({ labels }: Meta): Pick<Pod, "proxyUuid"> {
  const uuid = labels[PROXY_UUID_LABEL] ?? "";
  return uuid === "" ? {} : { proxyUuid: uuid.toLowerCase() };
}

function ownerOf({ ownerReferences }: v.InferOutput<typeof PodMetadata>): Pick<Pod, "owner"> {
  const owner = ownerReferences.find(({ controller }) => controller);
  return owner === undefined ? {} : { owner: { kind: owner.kind, name: owner.name } };
}
