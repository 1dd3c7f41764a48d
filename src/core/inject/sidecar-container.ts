/**
 * The container `envoy` (platform spec 3.6, dataplane spec 7.1).
 *
 * @module
 */
import type { WorkloadName } from "../base/workload.ts";
import { HEALTH_PORT, PROBE_KINDS, PROBE_PORTS, PROXY_READY_PATH, type ProbePlan } from "../ir/probe.ts";
import type { SidecarSettings } from "../model/mesh-config.ts";
import {
  ADMIN_PORT,
  BOOTSTRAP_DIRECTORY,
  BOOTSTRAP_VOLUME,
  ENVOY_CONTAINER,
  ENVOY_UID,
  INBOUND_PORT,
  METRICS_PORT,
} from "./names.ts";

export interface SidecarOptions {
  readonly image: string;
  readonly sidecar: Pick<SidecarSettings, "logLevel" | "resources">;
  /** `<service account>.<namespace>`. */
  readonly serviceCluster: string;
  /** Whose requests it counts. */
  readonly workload: WorkloadName;
  readonly probes: ProbePlan;
  readonly windows: boolean;
  /** As an init container that the others wait for. */
  readonly native: boolean;
}

/** In seconds: as long as a control plane may be away before the kubelet starts a waiting proxy anew. */
const LONGEST_START = 600;

export function buildSidecarContainer(options: SidecarOptions): Readonly<Record<string, unknown>> {
  const { image, sidecar, serviceCluster, workload, probes, windows, native } = options;
  const ready = { httpGet: { path: PROXY_READY_PATH, port: HEALTH_PORT } };
  return {
    name: ENVOY_CONTAINER,
    image,
    imagePullPolicy: "IfNotPresent",
    command: ["envoy"],
    args: [
      "--log-level",
      sidecar.logLevel,
      "--config-path",
      `${BOOTSTRAP_DIRECTORY}/bootstrap.yaml`,
      "--service-cluster",
      serviceCluster,
      // Its socket is shared by the whole pod: an application that is an Envoy itself would keep this one from starting.
      "--disable-hot-restart",
      ...DRAIN_AT_ONCE,
    ],
    ...(native ? { restartPolicy: "Always" } : {}),
    securityContext: windows ? { windowsOptions: { runAsUserName: "EnvoyUser" } } : RESTRICTED,
    ports: [
      { name: "proxy-admin", containerPort: ADMIN_PORT },
      { name: "proxy-inbound", containerPort: INBOUND_PORT },
      { name: "proxy-metrics", containerPort: METRICS_PORT },
      ...probePorts(probes),
    ],
    env: [
      fromPod("POD_UID", "metadata.uid"),
      fromPod("POD_NAME", "metadata.name"),
      fromPod("POD_NAMESPACE", "metadata.namespace"),
      fromPod("POD_IP", "status.podIP"),
      fromPod("SERVICE_ACCOUNT", "spec.serviceAccountName"),
      ...Object.entries(workloadVariables(workload)).map(([name, value]) => ({ name, value })),
    ],
    volumeMounts: [{ name: BOOTSTRAP_VOLUME, mountPath: BOOTSTRAP_DIRECTORY, readOnly: true }],
    ...resourcesField(sidecar.resources),
    ...(native ? { startupProbe: { ...ready, periodSeconds: 1, failureThreshold: LONGEST_START } } : {}),
    // Without it a pod counts as ready before its proxy has listeners, and is sent connections that are refused.
    readinessProbe: { ...ready, periodSeconds: 2, timeoutSeconds: 2 },
  };
}

/**
 * A changed listener is for new connections; those of HTTP that there are keep the old one until they end. Envoy alone
 * ends them over ten minutes, and so long a change would hold for some and not for others. With this the next answer on
 * each is its last, and no request is lost.
 */
export const DRAIN_AT_ONCE = ["--drain-strategy", "immediate"] as const;

/**
 * By which a proxy knows whose requests it counts: the listener that says how to count is the same in all pods. The pod's
 * namespace and name are there beside them.
 */
export function workloadVariables({ kind, name }: WorkloadName): Readonly<Record<string, string>> {
  return { OSM_WORKLOAD_KIND: kind, OSM_WORKLOAD_NAME: name };
}

/** What the strictest of Kubernetes' pod security standards asks for. */
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: ENVOY_UID,
  seccompProfile: { type: "RuntimeDefault" },
};

function probePorts({ http }: ProbePlan): readonly Readonly<Record<string, unknown>>[] {
  return PROBE_KINDS.filter((kind) => http.some((probe) => probe.kind === kind)).map((kind) => ({
    name: `${kind}-port`,
    containerPort: PROBE_PORTS[kind],
  }));
}

/** Limits and requests as the MeshConfig has them, if it has any. */
export function resourcesField({ limits, requests }: SidecarSettings["resources"]): Readonly<Record<string, unknown>> {
  const given = Object.entries({ limits, requests }).filter(([, amounts]) => Object.keys(amounts).length > 0);
  return given.length === 0 ? {} : { resources: Object.fromEntries(given) };
}

/** A variable of the downward API. */
export function fromPod(name: string, fieldPath: string): Readonly<Record<string, unknown>> {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
