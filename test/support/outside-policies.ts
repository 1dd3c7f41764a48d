/**
 * Egress and IngressBackend for tests, as a user would write them.
 *
 * @module
 */
import type { Manifest, Namespaced } from "./workloads.ts";

export interface EgressSpec {
  /** Service accounts. */
  readonly from: readonly Namespaced[];
  readonly hosts?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** Port numbers by protocol. */
  readonly ports: Readonly<Record<number, "http" | "https" | "tcp" | "tcp-server-first">>;
  /** Names of HTTPRouteGroups, and of an UpstreamTrafficSetting. */
  readonly routes?: readonly string[];
  readonly setting?: string;
}

const POLICY = "policy.openservicemesh.io/v1alpha1";

export function egress(metadata: Namespaced, { from, ports, routes = [], setting, ...spec }: EgressSpec): Manifest {
  return {
    apiVersion: POLICY,
    kind: "Egress",
    metadata,
    spec: {
      ...spec,
      sources: from.map((source) => ({ kind: "ServiceAccount", ...source })),
      ports: Object.entries(ports).map(([number, protocol]) => ({ number: Number(number), protocol })),
      matches: [
        ...routes.map(routeGroup),
        ...(setting === undefined ? [] : [{ apiGroup: POLICY, kind: "UpstreamTrafficSetting", name: setting }]),
      ],
    },
  };
}

export interface IngressSpec {
  readonly backends: readonly {
    readonly name: string;
    /** The target port. */
    readonly port: number;
    readonly protocol: "http" | "https";
    readonly tls?: { readonly skipClientCertValidation: boolean; readonly sniHosts?: readonly string[] };
  }[];
  readonly sources: readonly Readonly<Record<string, string>>[];
  /** Names of HTTPRouteGroups. */
  readonly routes?: readonly string[];
}

export function ingressBackend(metadata: Namespaced, { backends, sources, routes = [] }: IngressSpec): Manifest {
  return {
    apiVersion: POLICY,
    kind: "IngressBackend",
    metadata,
    spec: {
      backends: backends.map(({ name, port: number, protocol, tls }) => ({
        name,
        port: { number, protocol },
        ...(tls && { tls }),
      })),
      sources,
      matches: routes.map(routeGroup),
    },
  };
}

function routeGroup(name: string) {
  return { apiGroup: "specs.smi-spec.io/v1alpha4", kind: "HTTPRouteGroup", name };
}
