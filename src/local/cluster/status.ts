/**
 * The state of a mesh as `osm local status` shows it and as tests read it.
 *
 * @module
 */
import * as v from "valibot";
import type { Finding } from "../../core/base/finding.ts";
import { findingText, severityOf } from "../../core/base/finding.ts";
import { refText } from "../../core/base/ref.ts";
import type { FileReport } from "../../sources/files/file-source.ts";
import { reportText } from "../../sources/files/file-source.ts";
import type { ClusterPod } from "./cluster.ts";
import type { ContainerView } from "./container-runner.ts";
import type { Materialised } from "./materialise.ts";
import { SIDECAR } from "./pod-containers.ts";
import type { PodRunView } from "./pod-runner.ts";
import type { ProxyState } from "./ports.ts";

const Text = v.string();
const Count = v.number();

const ContainerStatus = v.object({
  name: Text,
  kind: v.picklist(["init", "app", "sidecar"]),
  state: v.picklist(["waiting", "running", "terminated"]),
  ready: v.boolean(),
  restarts: Count,
  /** Why it waits, what it ended with, which probe fails; "" if all is well. */
  message: Text,
});

const PodStatus = v.object({
  namespace: Text,
  name: Text,
  uid: Text,
  /** Kind and name of the workload. */
  owner: Text,
  labels: v.record(Text, Text),
  ip: Text,
  hostname: Text,
  serviceAccount: Text,
  phase: v.picklist(["Pending", "Running", "Succeeded", "Failed"]),
  ready: v.boolean(),
  terminating: v.boolean(),
  restarts: Count,
  /** Epoch milliseconds. */
  createdAt: Count,
  message: Text,
  warnings: v.array(Text),
  containers: v.array(ContainerStatus),
  /** Absent outside the mesh. */
  proxy: v.optional(
    v.object({
      uuid: Text,
      connected: v.boolean(),
      inSync: v.boolean(),
      /** Of the leaf that it was last given; epoch milliseconds. Absent until then, and where it is not known. */
      certificate: v.optional(v.object({ notBefore: Count, notAfter: Count })),
    }),
  ),
});
export type PodStatus = v.InferOutput<typeof PodStatus>;

export const MeshStatus = v.object({
  directory: Text,
  stateDir: Text,
  controlPlane: v.object({
    mode: v.picklist(["embedded", "external"]),
    /** Of the host. Absent while it is down. */
    pid: v.optional(Count),
    /** Starts after the first; 0 if embedded. */
    restarts: Count,
    /** Proxies with a stream. */
    connected: Count,
  }),
  pods: v.array(PodStatus),
  services: v.array(
    v.object({ namespace: Text, name: Text, clusterIp: v.optional(Text), ports: v.array(Text), endpoints: Count }),
  ),
  findings: v.array(
    v.object({
      severity: v.picklist(["error", "warning"]),
      text: Text,
      code: v.optional(Text),
      about: v.optional(Text),
    }),
  ),
});
export type MeshStatus = v.InferOutput<typeof MeshStatus>;

export function toPodStatus({ pod, runner }: ClusterPod, proxies: readonly ProxyState[]): PodStatus {
  const view = runner.view();
  const { facts, owner, hostname, createdAt, proxyUuid } = pod;
  const containers = [
    ...view.initContainers.map((one) => toContainerStatus(one, "init")),
    ...view.containers.map((one) => toContainerStatus(one, "app")),
    ...(view.sidecar === undefined ? [] : [toContainerStatus(view.sidecar, "sidecar")]),
  ];
  const proxy = proxies.find(({ uuid }) => uuid === proxyUuid);
  return {
    namespace: facts.namespace,
    name: facts.name,
    uid: facts.uid,
    owner: `${owner.kind}/${owner.name}`,
    labels: facts.labels,
    ip: facts.ip,
    hostname,
    serviceAccount: facts.serviceAccount,
    phase: view.phase,
    ready: view.ready,
    terminating: view.terminating,
    restarts: containers.reduce((sum, { restarts }) => sum + restarts, 0),
    createdAt,
    message: view.message || (isSettled(view) ? "" : troubleOf(containers)),
    warnings: [...view.warnings],
    containers,
    ...(proxyUuid === undefined ? {} : { proxy: toProxyStatus(proxyUuid, proxy) }),
  };
}

function isSettled({ ready, terminating, phase }: PodRunView): boolean {
  return ready || terminating || phase === "Succeeded";
}

function toProxyStatus(uuid: string, state: ProxyState | undefined): NonNullable<PodStatus["proxy"]> {
  const { connected = false, inSync = false, certificate } = state ?? {};
  return { uuid, connected, inSync, ...(certificate === undefined ? {} : { certificate: { ...certificate } }) };
}

function toContainerStatus(view: ContainerView, kind: "init" | "app" | "sidecar"): PodStatus["containers"][number] {
  const { name, state, ready, restarts, message } = view;
  const waiting = state.kind === "waiting" && state.message !== "" ? `${state.reason}: ${state.message}` : "";
  return { name, kind, state: state.kind, ready, restarts, message: waiting || message };
}

function troubleOf(containers: PodStatus["containers"]): string {
  const troubled = containers.find(({ kind, ready, message }) => kind !== "init" && !ready && message !== "");
  return troubled === undefined ? "" : `${troubled.name === SIDECAR ? "sidecar" : troubled.name}: ${troubled.message}`;
}

export function toServiceStatus({ names, addresses }: Materialised): MeshStatus["services"] {
  return names.services.map(({ namespace, name, clusterIp, ports, endpoints }) => ({
    namespace,
    name,
    ...(clusterIp === undefined ? {} : { clusterIp }),
    ports: ports.map(({ port, protocol }) => `${port}/${protocol.toUpperCase()}`),
    endpoints:
      clusterIp === undefined ? endpoints.length : countEndpoints(addresses.filter(({ ip }) => ip === clusterIp)),
  }));
}

function countEndpoints(addresses: Materialised["addresses"]): number {
  return new Set(addresses.flatMap(({ endpoints }) => endpoints.map(({ ip }) => ip))).size;
}

export interface Troubles {
  readonly findings: readonly Finding[];
  readonly reports: readonly FileReport[];
  readonly warnings: readonly string[];
}

/** What is wrong, from files, from the cluster and from the control plane. */
export function toFindings({ findings, reports, warnings }: Troubles): MeshStatus["findings"] {
  return [
    ...reports.map((report) => ({ severity: report.severity, text: reportText(report) })),
    ...warnings.map((text) => ({ severity: "warning" as const, text })),
    ...findings.map((one) => ({
      severity: severityOf(one),
      text: findingText(one),
      code: one.code,
      about: refText(one.about),
    })),
  ];
}
