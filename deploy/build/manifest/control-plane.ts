/**
 * Namespace, Deployment and Services of the control plane, and what makes it highly available.
 *
 * @module
 */
import { CONTROLLER, CONTROLLER_UID, IMAGES, LABELS, MESH_NAMESPACE } from "../names.ts";
import type { Schema } from "./schema.ts";
import { INJECTOR, VALIDATOR } from "./webhooks.ts";

/** By the names that probes and Services use. */
const PORTS = { xds: 15_128, webhook: 9090, http: 9091, api: 9092 } as const;

const POD_LABELS = { app: CONTROLLER };

export function namespaceObject(): Schema {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name: MESH_NAMESPACE, labels: LABELS } };
}

export function controlPlaneObjects(): readonly Schema[] {
  return [
    service(CONTROLLER, CONTROLLER, [
      port("ads-port", PORTS.xds, "xds"),
      port("healthz", PORTS.http, "http"),
      port("debug-port", PORTS.api, "api"),
    ]),
    service(INJECTOR.service, "osm-injector", [port("sidecar-inject", INJECTOR.port, "webhook")]),
    service(VALIDATOR.service, CONTROLLER, [port("validator", VALIDATOR.port, "webhook")]),
    deployment(),
  ];
}

/**
 * `replicas` is left out, so that applying the file again does not undo what an autoscaler or `kubectl scale` chose.
 */
function deployment(): Schema {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: CONTROLLER, namespace: MESH_NAMESPACE, labels: { ...LABELS, ...POD_LABELS, meshName: "osm" } },
    spec: {
      selector: { matchLabels: POD_LABELS },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: { ...LABELS, ...POD_LABELS },
          annotations: { "prometheus.io/scrape": "true", "prometheus.io/port": String(PORTS.http) },
        },
        spec: podSpec(),
      },
    },
  };
}

function podSpec(): Schema {
  return {
    serviceAccountName: "osm",
    priorityClassName: "system-cluster-critical",
    nodeSelector: { "kubernetes.io/os": "linux" },
    terminationGracePeriodSeconds: 60,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: CONTROLLER_UID,
      runAsGroup: CONTROLLER_UID,
      seccompProfile: { type: "RuntimeDefault" },
    },
    topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: POD_LABELS },
    })),
    containers: [container()],
  };
}

function container(): Schema {
  return {
    name: CONTROLLER,
    image: IMAGES.osm,
    imagePullPolicy: "IfNotPresent",
    // Written out: over a Deployment of OSM's chart, what is left out here would stay as it was there.
    command: ["/osm"],
    args: ["controller"],
    env: [
      fromPod("CONTROLLER_POD_NAME", "metadata.name"),
      fromPod("OSM_NAMESPACE", "metadata.namespace"),
      { name: "OSM_DEFAULT_ENVOY_IMAGE", value: IMAGES.envoy },
      { name: "OSM_DEFAULT_INIT_CONTAINER_IMAGE", value: IMAGES.init },
    ],
    ports: Object.entries(PORTS).map(([name, containerPort]) => ({ name, containerPort })),
    readinessProbe: { ...probe("/health/ready"), periodSeconds: 5 },
    // OSM's controller was killed for being busy: it takes a minute without an answer to be taken for dead.
    livenessProbe: { ...probe("/health/alive"), periodSeconds: 10, failureThreshold: 6 },
    resources: { requests: { cpu: "250m", memory: "256Mi" }, limits: { cpu: "2", memory: "1Gi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
  };
}

function probe(path: string): Schema {
  return { httpGet: { path, port: "http" }, timeoutSeconds: 5 };
}

function fromPod(name: string, fieldPath: string): Schema {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function service(name: string, app: string, ports: readonly Schema[]): Schema {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: MESH_NAMESPACE, labels: { ...LABELS, app } },
    spec: { selector: POD_LABELS, ports },
  };
}

function port(name: string, number: number, targetPort: string): Schema {
  return { name, port: number, targetPort };
}

/** Of `ha.yaml`. An autoscaler lifts the Deployment to its minimum even where nothing measures. */
export function availabilityObjects(): readonly Schema[] {
  return [
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: `${CONTROLLER}-pdb`, namespace: MESH_NAMESPACE, labels: { ...LABELS, ...POD_LABELS } },
      spec: { maxUnavailable: 1, selector: { matchLabels: POD_LABELS } },
    },
    {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: `${CONTROLLER}-hpa`, namespace: MESH_NAMESPACE, labels: { ...LABELS, ...POD_LABELS } },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: CONTROLLER },
        minReplicas: 3,
        maxReplicas: 6,
        metrics: [
          { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } },
        ],
        // A compile is a burst, and proxies stay with the replica that they dialled: be slow both ways.
        behavior: { scaleUp: { stabilizationWindowSeconds: 120 }, scaleDown: { stabilizationWindowSeconds: 900 } },
      },
    },
  ];
}
