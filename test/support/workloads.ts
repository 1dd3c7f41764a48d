/**
 * Manifests for tests, as a user would write them: plain Kubernetes objects from few words.
 *
 * @module
 */

import manifest from "../../package.json" with { type: "json" };

/** `osm local` runs the program itself, whatever the image; a cluster has this one. */
export const IMAGE = `openservicemesh/osm:${manifest.version}`;

export type Manifest = Readonly<Record<string, unknown>>;

export interface Namespaced {
  readonly namespace: string;
  readonly name: string;
}

/** @param membership - `outside`: not of the mesh, so its pods have no sidecar. */
export function namespace(name: string, membership: "meshed" | "outside" = "meshed"): Manifest {
  const metadata =
    membership === "outside"
      ? { name }
      : {
          name,
          labels: { "openservicemesh.io/monitored-by": "osm" },
          annotations: { "openservicemesh.io/sidecar-injection": "enabled" },
        };
  return { apiVersion: "v1", kind: "Namespace", metadata };
}

export interface AppOptions extends Namespaced {
  /** Arguments after `osm demo app`, or a whole command. */
  readonly run: { readonly app: readonly string[] } | { readonly command: readonly string[] };
  /** Commands of further containers, by their names. */
  readonly beside?: Readonly<Record<string, readonly string[]>>;
  /** The service account; the name by default. */
  readonly account?: string;
  readonly port?: number;
  readonly replicas?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** A text, or the path of a field of the pod. */
  readonly env?: Readonly<Record<string, string | { readonly fieldPath: string }>>;
}

/** A Deployment and its service account. Labels: `app: <name>` and what is given. */
export function app(options: AppOptions): readonly Manifest[] {
  const { namespace: ns, name, run, account = name, port, replicas = 1, annotations = {}, env = {} } = options;
  const beside = Object.entries(options.beside ?? {}).map(([of, command]) => ({ name: of, image: IMAGE, command }));
  const labels = { app: name, ...options.labels };
  const container = {
    name: "main",
    image: IMAGE,
    command: "app" in run ? ["osm", "demo", "app", ...run.app] : run.command,
    env: Object.entries(env).map(([key, value]) =>
      typeof value === "string" ? { name: key, value } : { name: key, valueFrom: { fieldRef: value } },
    ),
    ...(port === undefined
      ? {}
      : { ports: [{ containerPort: port }], readinessProbe: { tcpSocket: { port }, periodSeconds: 1 } }),
  };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace: ns, name: account } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { namespace: ns, name },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels, annotations },
          spec: { serviceAccountName: account, terminationGracePeriodSeconds: 1, containers: [container, ...beside] },
        },
      },
    },
  ];
}

/** A pod that waits for commands. */
export function client(of: Namespaced & { readonly account?: string }): readonly Manifest[] {
  return app({ ...of, run: { command: ["sleep", "infinity"] } });
}

export interface PortSpec {
  readonly port: number;
  readonly targetPort?: number | string;
  readonly name?: string;
  readonly appProtocol?: string;
}

export function service(
  { namespace: ns, name }: Namespaced,
  ports: readonly PortSpec[],
  options: { readonly selector?: Readonly<Record<string, string>>; readonly headless?: boolean } = {},
): Manifest {
  const { selector = { app: name }, headless = false } = options;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: ns, name },
    spec: { selector, ports, ...(headless ? { clusterIP: "None" } : {}) },
  };
}

export interface MeshConfigOptions {
  readonly permissive: boolean;
  readonly egress?: boolean;
  /** As Go spells durations. */
  readonly certificateLife?: string;
}

export function meshConfig({ permissive, egress = false, certificateLife = "24h" }: MeshConfigOptions): Manifest {
  return {
    apiVersion: "config.openservicemesh.io/v1alpha2",
    kind: "MeshConfig",
    metadata: { namespace: "osm-system", name: "osm-mesh-config" },
    spec: {
      traffic: { enableEgress: egress, enablePermissiveTrafficPolicyMode: permissive },
      certificate: { serviceCertValidityDuration: certificateLife, certKeyBitSize: 2048 },
    },
  };
}

export interface HttpMatchSpec {
  readonly name: string;
  readonly pathRegex?: string;
  readonly methods?: readonly string[];
  readonly headers?: readonly Readonly<Record<string, string>>[];
}

export function httpRoutes({ namespace: ns, name }: Namespaced, matches: readonly HttpMatchSpec[]): Manifest {
  return {
    apiVersion: "specs.smi-spec.io/v1alpha4",
    kind: "HTTPRouteGroup",
    metadata: { namespace: ns, name },
    spec: { matches },
  };
}

export function tcpRoute({ namespace: ns, name }: Namespaced, ports: readonly number[]): Manifest {
  return {
    apiVersion: "specs.smi-spec.io/v1alpha4",
    kind: "TCPRoute",
    metadata: { namespace: ns, name },
    spec: { matches: { ports } },
  };
}

export interface TargetSpec extends Namespaced {
  /** Service account of the target's own namespace. */
  readonly to: string;
  readonly from: readonly Namespaced[];
  readonly rules: readonly { readonly kind: string; readonly name: string; readonly matches?: readonly string[] }[];
}

export function trafficTarget({ namespace: ns, name, to, from, rules }: TargetSpec): Manifest {
  return {
    apiVersion: "access.smi-spec.io/v1alpha3",
    kind: "TrafficTarget",
    metadata: { namespace: ns, name },
    spec: {
      destination: { kind: "ServiceAccount", name: to, namespace: ns },
      sources: from.map((source) => ({ kind: "ServiceAccount", ...source })),
      rules,
    },
  };
}

export function trafficSplit(
  { namespace: ns, name }: Namespaced,
  root: string,
  weights: Readonly<Record<string, number>>,
): Manifest {
  return {
    apiVersion: "split.smi-spec.io/v1alpha2",
    kind: "TrafficSplit",
    metadata: { namespace: ns, name },
    spec: {
      service: root,
      backends: Object.entries(weights).map(([backend, weight]) => ({ service: backend, weight })),
    },
  };
}
