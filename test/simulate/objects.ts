/**
 * Kubernetes objects as a test writes them: short, with the defaults that a cluster would fill in.
 *
 * Names are `namespace/name`. Addresses follow from names unless given.
 *
 * @module
 */
export type RawObject = Readonly<Record<string, unknown>> & { readonly kind: string };

interface Named {
  readonly namespace: string;
  readonly name: string;
}

export function named(path: string): Named {
  const [namespace = "", name = ""] = path.split("/");
  return { namespace, name };
}

export function namespace(name: string, options: { readonly mesh?: boolean } = {}): RawObject {
  const labels = options.mesh === false ? {} : { "openservicemesh.io/monitored-by": "osm" };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

export interface PodOptions {
  /** The pod's own name if left out. */
  readonly account?: string;
  /** `app: <name>` if left out. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly sidecar?: boolean;
  readonly ready?: boolean;
  readonly ip?: string;
  readonly hostname?: string;
  readonly subdomain?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function pod(path: string, options: PodOptions = {}): RawObject {
  const { name } = named(path);
  const { account = name, labels = { app: name }, ports = [], sidecar = true, ready = true } = options;
  const { ip = addressOf(10, `pod ${path}`), hostname, subdomain, annotations } = options;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...named(path),
      labels: sidecar ? { ...labels, "osm-proxy-uuid": uuidOf(path) } : labels,
      ...(annotations && { annotations }),
    },
    spec: {
      serviceAccountName: account,
      containers: [{ name: "app", ports }],
      ...(hostname && { hostname }),
      ...(subdomain && { subdomain }),
    },
    status: {
      phase: "Running",
      podIP: ip,
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    },
  };
}

export interface PortOptions {
  readonly port: number;
  readonly name?: string;
  readonly targetPort?: number | string;
  readonly appProtocol?: string;
  readonly protocol?: "TCP" | "UDP" | "SCTP";
}

export interface ServiceOptions {
  /** `app: <name>` if left out; null for none. */
  readonly selector?: Readonly<Record<string, string>> | null;
  readonly headless?: boolean;
  readonly clusterIP?: string;
}

/** @param ports - A number stands for an HTTP port of that number. */
export function service(
  path: string,
  ports: number | readonly PortOptions[],
  { selector, headless = false, clusterIP = addressOf(172, `service ${path}`) }: ServiceOptions = {},
): RawObject {
  const { name } = named(path);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: named(path),
    spec: {
      ...(selector === null ? {} : { selector: selector ?? { app: name } }),
      clusterIP: headless ? "None" : clusterIP,
      ports: typeof ports === "number" ? [{ name: "http-main", port: ports }] : ports,
    },
  };
}

/** Hand-written endpoints of a Service without a selector. */
export function endpoints(path: string, addresses: readonly string[], port: number): RawObject {
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: named(path),
    subsets: [{ addresses: addresses.map((ip) => ({ ip })), ports: [{ port }] }],
  };
}

export function meshConfig(
  traffic: {
    readonly enablePermissiveTrafficPolicyMode: boolean;
    readonly enableEgress: boolean;
    readonly [more: string]: unknown;
  },
  featureFlags?: Readonly<Record<string, unknown>>,
): RawObject {
  return {
    apiVersion: "config.openservicemesh.io/v1alpha2",
    kind: "MeshConfig",
    metadata: named("osm-system/osm-mesh-config"),
    spec: { traffic, ...(featureFlags && { featureFlags }) },
  };
}

/** Everybody may call everybody; nothing outside the mesh. */
export const PERMISSIVE = meshConfig({ enablePermissiveTrafficPolicyMode: true, enableEgress: false });
/** What no TrafficTarget allows is denied; nothing outside the mesh. */
export const SMI = meshConfig({ enablePermissiveTrafficPolicyMode: false, enableEgress: false });

export interface TargetOptions {
  /** The destination's service account, in the target's own namespace. */
  readonly to: string;
  /** `namespace/account` of those who may call. */
  readonly from: readonly string[];
  /** Matches by HTTPRouteGroup; undefined leaves `matches` out. */
  readonly http?: Readonly<Record<string, readonly string[] | undefined>>;
  /** Names of TCPRoutes. */
  readonly tcp?: readonly string[];
}

export function target(path: string, { to, from, http = {}, tcp = [] }: TargetOptions): RawObject {
  const { namespace: own } = named(path);
  return {
    apiVersion: "access.smi-spec.io/v1alpha3",
    kind: "TrafficTarget",
    metadata: named(path),
    spec: {
      destination: { kind: "ServiceAccount", name: to, namespace: own },
      sources: from.map((source) => ({ kind: "ServiceAccount", ...named(source) })),
      rules: [
        ...Object.entries(http).map(([name, matches]) => ({
          kind: "HTTPRouteGroup",
          name,
          ...(matches && { matches }),
        })),
        ...tcp.map((name) => ({ kind: "TCPRoute", name })),
      ],
    },
  };
}

export interface MatchOptions {
  readonly pathRegex?: string;
  readonly methods?: readonly string[];
  readonly headers?: readonly Readonly<Record<string, string>>[];
}

export function routes(path: string, matches: Readonly<Record<string, MatchOptions>>): RawObject {
  return {
    apiVersion: "specs.smi-spec.io/v1alpha4",
    kind: "HTTPRouteGroup",
    metadata: named(path),
    spec: { matches: Object.entries(matches).map(([name, match]) => ({ name, ...match })) },
  };
}

export function tcpRoute(path: string, ports: readonly number[]): RawObject {
  return {
    apiVersion: "specs.smi-spec.io/v1alpha4",
    kind: "TCPRoute",
    metadata: named(path),
    spec: { matches: { name: "ports", ports } },
  };
}

export function split(path: string, root: string, backends: Readonly<Record<string, number>>): RawObject {
  return {
    apiVersion: "split.smi-spec.io/v1alpha2",
    kind: "TrafficSplit",
    metadata: named(path),
    spec: {
      service: root,
      backends: Object.entries(backends).map(([name, weight]) => ({ service: name, weight })),
    },
  };
}

export interface EgressOptions {
  /** `namespace/account`. */
  readonly from: readonly string[];
  /** Port numbers by protocol. */
  readonly ports: Readonly<Record<number, string>>;
  readonly hosts?: readonly string[];
  readonly ranges?: readonly string[];
  /** Names of HTTPRouteGroups. */
  readonly routes?: readonly string[];
  /** The name of an UpstreamTrafficSetting. */
  readonly setting?: string;
  /** The larger, the younger. */
  readonly createdAt?: string;
}

export function egress(path: string, options: EgressOptions): RawObject {
  const { from, ports, hosts = [], ranges = [], routes: groups = [], setting, createdAt } = options;
  return {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "Egress",
    metadata: { ...named(path), ...(createdAt && { creationTimestamp: createdAt }) },
    spec: {
      sources: from.map((source) => ({ kind: "ServiceAccount", ...named(source) })),
      hosts,
      ipAddresses: ranges,
      ports: Object.entries(ports).map(([number, protocol]) => ({ number: Number(number), protocol })),
      matches: [
        ...groups.map((name) => ({ apiGroup: "specs.smi-spec.io/v1alpha4", kind: "HTTPRouteGroup", name })),
        ...(setting === undefined
          ? []
          : [{ apiGroup: "policy.openservicemesh.io/v1alpha1", kind: "UpstreamTrafficSetting", name: setting }]),
      ],
    },
  };
}

export interface IngressOptions {
  readonly to: readonly {
    readonly service: string;
    /** The target port. */
    readonly port: number;
    readonly protocol: "http" | "https";
    readonly tls?: { readonly skipClientCertValidation?: boolean; readonly sniHosts?: readonly string[] };
  }[];
  readonly from: readonly Readonly<Record<string, string>>[];
  /** Names of HTTPRouteGroups. */
  readonly routes?: readonly string[];
  readonly createdAt?: string;
}

export function ingressBackend(path: string, { to, from, routes: groups = [], createdAt }: IngressOptions): RawObject {
  return {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "IngressBackend",
    metadata: { ...named(path), ...(createdAt && { creationTimestamp: createdAt }) },
    spec: {
      backends: to.map(({ service: name, port: number, protocol, tls }) => ({
        name,
        port: { number, protocol },
        ...(tls && { tls }),
      })),
      sources: from,
      matches: groups.map((name) => ({ apiGroup: "specs.smi-spec.io/v1alpha4", kind: "HTTPRouteGroup", name })),
    },
  };
}

/** @param spec - As in the API. */
export function upstreamSetting(
  path: string,
  spec: Readonly<Record<string, unknown>>,
  creationTimestamp?: string,
): RawObject {
  return {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "UpstreamTrafficSetting",
    metadata: { ...named(path), ...(creationTimestamp && { creationTimestamp }) },
    spec,
  };
}

export interface RetryOptions {
  /** `namespace/account`, and Services. */
  readonly from: string;
  readonly to: readonly string[];
  readonly policy: Readonly<Record<string, unknown>>;
}

export function retry(path: string, { from, to, policy }: RetryOptions, creationTimestamp?: string): RawObject {
  return {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "Retry",
    metadata: { ...named(path), ...(creationTimestamp && { creationTimestamp }) },
    spec: {
      source: { kind: "ServiceAccount", ...named(from) },
      destinations: to.map((one) => ({ kind: "Service", ...named(one) })),
      retryPolicy: policy,
    },
  };
}

/** The same text always gives the same address of `first`.0.0.0/8. */
export function addressOf(first: number, text: string): string {
  const hash = hashOf(text);
  return `${first}.${hash >>> 24}.${(hash >>> 16) & 255}.${(hash >>> 8) & 255}`;
}

export function uuidOf(path: string): string {
  return `00000000-0000-4000-8000-${hashOf(path).toString(16).padStart(12, "0")}`;
}

/** FNV-1a, mixed once more so that names that differ in the last letter differ in all bits. */
function hashOf(text: string): number {
  let hash = 2166136261;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619);
  return Math.imul(hash ^ (hash >>> 15), 2246822507) >>> 0;
}
