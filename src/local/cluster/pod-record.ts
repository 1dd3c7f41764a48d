/**
 * A pod as the cluster keeps it, and the Pod object that the control plane sees of it.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { ObjectRef } from "../../core/base/ref.ts";
import { PROXY_UUID_LABEL } from "../../core/model/pod.ts";
import type { Container, PodTemplate } from "../../core/model/pod-spec.ts";
import type { PodFacts } from "./environment.ts";
import { hostnameOf, randomSuffix } from "./names.ts";
import type { OwnedPod } from "./plan.ts";
import type { PodRunView } from "./pod-runner.ts";
import type { RawObject } from "./raw-object.ts";
import type { WorkloadPlan } from "./workloads.ts";

/** The only node there is. */
const NODE_NAME = "local";

/** Everything about a pod that stays the same for as long as it lives. */
export interface PodIdentity {
  /** The workload that it belongs to; of a bare Pod the pod itself. */
  readonly owner: ObjectRef;
  readonly ordinal: number;
  readonly hash: string;
  readonly createdAt: Millis;
  readonly facts: PodFacts;
  readonly template: PodTemplate;
  /** The UTS name. */
  readonly hostname: string;
  /** The name in DNS below its Service; "" if the pod asks for none. */
  readonly dnsName: string;
  readonly subdomain: string;
  /** Absent outside the mesh. */
  readonly proxyUuid?: string;
}

export interface NewPod {
  readonly plan: WorkloadPlan;
  readonly hash: string;
  readonly ordinal: number;
  readonly now: Millis;
  readonly uid: string;
  readonly ip: string;
  readonly hostIp: string;
  readonly proxyUuid?: string;
  /** What the injector adds to the template's annotations. */
  readonly annotations: Readonly<Record<string, string>>;
}

export function buildPodIdentity(pod: NewPod): PodIdentity {
  const { plan, hash, ordinal, now, uid, ip, hostIp, proxyUuid } = pod;
  const { ref, template } = plan;
  const name = podNameOf(plan, hash, ordinal);
  const { hostname, subdomain, serviceAccount } = template.spec;
  const stateful = ref.kind === "StatefulSet";
  return {
    owner: ref,
    ordinal,
    hash,
    createdAt: now,
    template,
    hostname: hostnameOf(name, hostname),
    dnsName: stateful ? name : hostname,
    subdomain: stateful ? plan.serviceName : subdomain,
    facts: {
      ...(ref.kind === "Pod" ? {} : { workload: { kind: ref.kind, name: ref.name } }),
      name,
      namespace: ref.namespace,
      uid,
      labels: {
        ...template.labels,
        ...labelsFrom(ref, { name, hash, ordinal }),
        ...(proxyUuid === undefined ? {} : { [PROXY_UUID_LABEL]: proxyUuid }),
      },
      annotations: { ...template.annotations, ...pod.annotations },
      serviceAccount,
      nodeName: NODE_NAME,
      ip,
      hostIp,
    },
    ...(proxyUuid === undefined ? {} : { proxyUuid }),
  };
}

function podNameOf({ ref }: WorkloadPlan, hash: string, ordinal: number): string {
  switch (ref.kind) {
    case "Pod":
      return ref.name;
    case "StatefulSet":
      return `${ref.name}-${ordinal}`;
    case "Deployment":
      return `${ref.name}-${hash}-${randomSuffix()}`;
    default:
      return `${ref.name}-${randomSuffix()}`;
  }
}

/** The labels that Kubernetes' controllers put on pods. */
function labelsFrom(
  ref: ObjectRef,
  { name, hash, ordinal }: { readonly name: string; readonly hash: string; readonly ordinal: number },
): Readonly<Record<string, string>> {
  switch (ref.kind) {
    case "Deployment":
      return { "pod-template-hash": hash };
    case "StatefulSet":
      return { "apps.kubernetes.io/pod-index": String(ordinal), "statefulset.kubernetes.io/pod-name": name };
    case "Job":
      return { "batch.kubernetes.io/job-name": ref.name, "job-name": ref.name };
    default:
      return {};
  }
}

export function toOwnedPod({ facts, hash, ordinal, createdAt }: PodIdentity, view: PodRunView): OwnedPod {
  const { ready, terminating, phase, endedAt, containers, initContainers } = view;
  return {
    name: facts.name,
    hash,
    ordinal,
    ready,
    terminating,
    phase: phase === "Succeeded" ? "succeeded" : phase === "Failed" ? "failed" : "active",
    createdAt,
    endedAt,
    restarts: [...initContainers, ...containers].reduce((sum, { restarts }) => sum + restarts, 0),
  };
}

/** The Pod object. Only what others decide by: a restart alone changes nothing in it. */
export function toPodObject(pod: PodIdentity, { phase, ready, terminating }: PodRunView): RawObject {
  const { facts, owner, createdAt, template, dnsName, subdomain, hash } = pod;
  const { initContainers, containers } = template.spec;
  const createdText = new Date(createdAt).toISOString();
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: facts.name,
      namespace: facts.namespace,
      uid: facts.uid,
      labels: facts.labels,
      annotations: facts.annotations,
      creationTimestamp: createdText,
      ...(terminating ? { deletionTimestamp: createdText } : {}),
      ...ownerReferences(owner, hash),
    },
    spec: {
      serviceAccountName: facts.serviceAccount,
      nodeName: facts.nodeName,
      ...(dnsName === "" ? {} : { hostname: dnsName }),
      ...(subdomain === "" ? {} : { subdomain }),
      ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map(toContainerObject) }),
      containers: containers.map(toContainerObject),
    },
    status: {
      phase,
      podIP: facts.ip,
      podIPs: [{ ip: facts.ip }],
      hostIP: facts.hostIp,
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    },
  };
}

function ownerReferences({ kind, name }: ObjectRef, hash: string): RawObject {
  if (kind === "Pod") return {};
  // In a cluster a ReplicaSet stands between a Deployment and its pods.
  const owner = kind === "Deployment" ? { kind: "ReplicaSet", name: `${name}-${hash}` } : { kind, name };
  const apiVersion = kind === "Job" ? "batch/v1" : "apps/v1";
  return { ownerReferences: [{ apiVersion, ...owner, uid: `${kind}-${name}`, controller: true }] };
}

function toContainerObject({ name, image, ports }: Container): RawObject {
  return {
    name,
    image,
    ports: ports.map((port) => ({
      ...(port.name === "" ? {} : { name: port.name }),
      containerPort: port.port,
      protocol: port.transport,
    })),
  };
}
