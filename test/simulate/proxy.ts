/**
 * One proxy's configuration, looked at as Envoy does: what is behind a chain, a cluster, a secret.
 *
 * @module
 */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Cluster_LbPolicy } from "../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import { HealthStatus } from "../../gen/envoy/config/core/v3/health_check_pb.ts";
import type { FilterChain } from "../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.ts";
import type { RBAC } from "../../gen/envoy/config/rbac/v3/rbac_pb.ts";
import type { RouteConfiguration } from "../../gen/envoy/config/route/v3/route_pb.ts";
import { HttpConnectionManagerSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { RBACSchema } from "../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts";
import { TcpProxySchema } from "../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import {
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { EnvoyConfig } from "../../src/core/envoy/config.ts";
import { matchesText } from "./http-request.ts";
import { sharesOf } from "./routing.ts";

export interface ChainContent {
  /** Network RBAC, if the chain has it. */
  readonly rules: RBAC | undefined;
  readonly carriage:
    | { readonly kind: "http"; readonly table: RouteConfiguration }
    | { readonly kind: "tcp"; readonly shares: ReadonlyMap<string, number> };
}

export function listenerNamed({ listeners }: EnvoyConfig, name: string): Listener | undefined {
  return listeners.find((one) => one.name === name);
}

/** @throws Error if the last filter is neither an HTTP connection manager nor a TCP proxy, or its routes are missing. */
export function contentOf({ name, filters }: FilterChain, { routes }: EnvoyConfig): ChainContent {
  const configs = filters.flatMap(({ configType }) => (configType.case === "typedConfig" ? [configType.value] : []));
  const rules = configs.map((any) => anyUnpack(any, RBACSchema)).find((one) => one !== undefined)?.rules;
  const last = configs[configs.length - 1];
  const manager = last && anyUnpack(last, HttpConnectionManagerSchema);
  if (manager?.routeSpecifier.case === "rds") {
    const wanted = manager.routeSpecifier.value.routeConfigName;
    const table = routes.find((one) => one.name === wanted);
    if (table === undefined) throw new Error(`chain ${name} needs route configuration ${wanted}`);
    return { rules, carriage: { kind: "http", table } };
  }
  const proxy = last && anyUnpack(last, TcpProxySchema);
  const { case: kind, value } = proxy?.clusterSpecifier ?? { case: undefined };
  if (kind === "cluster") return { rules, carriage: { kind: "tcp", shares: new Map([[value, 1]]) } };
  if (kind === "weightedClusters") return { rules, carriage: { kind: "tcp", shares: sharesOf(value.clusters) } };
  throw new Error(`chain ${name} ends in something else than HTTP or TCP`);
}

/** Who may come in at the handshake. undefined: it is no TLS chain. */
export function handshakeOf({
  name,
  transportSocket,
}: FilterChain): { admits(principal: string): boolean } | undefined {
  const config = transportSocket?.configType;
  const tls = config?.case === "typedConfig" ? anyUnpack(config.value, DownstreamTlsContextSchema) : undefined;
  if (tls === undefined) return undefined;
  const validation = tls.commonTlsContext?.validationContextType;
  if (tls.requireClientCertificate !== true) {
    if (!name.startsWith("ingress_")) throw new Error("a chain of the mesh asks for no certificate");
    return { admits: () => validation?.case === undefined };
  }
  // "" is nobody's name: no certificate was shown.
  if (validation?.case === "validationContextSdsSecretConfig") return { admits: (principal) => principal !== "" };
  if (validation?.case !== "combinedValidationContext") throw new Error("a chain validates nobody");
  const names = validation.value.defaultValidationContext?.matchTypedSubjectAltNames ?? [];
  return { admits: (principal) => names.length === 0 || names.some((one) => isNamed(one, principal)) };
}

export type Upstream =
  | { readonly kind: "original" }
  | { readonly kind: "endpoints"; readonly addresses: readonly Address[]; readonly tls: UpstreamTls | undefined };

export interface Address {
  readonly address: string;
  readonly port: number;
}

export interface UpstreamTls {
  readonly sni: string;
  readonly alpn: string;
  /** Whether a server with this name in its certificate is believed. */
  trusts(principal: string): boolean;
}

/** @throws Error if there is no such cluster. */
export function upstreamNamed(config: EnvoyConfig, name: string): Upstream {
  const cluster = config.clusters.find((one) => one.name === name);
  if (cluster === undefined) throw new Error(`there is no cluster ${name}`);
  if (cluster.lbPolicy === Cluster_LbPolicy.CLUSTER_PROVIDED) return { kind: "original" };
  const assignment = cluster.loadAssignment ?? config.endpoints.find(({ clusterName }) => clusterName === cluster.name);
  const addresses = (assignment?.endpoints ?? [])
    .flatMap(({ lbEndpoints }) => lbEndpoints)
    .filter(({ healthStatus }) => healthStatus !== HealthStatus.DRAINING)
    .flatMap(({ hostIdentifier }): readonly Address[] => {
      const at = hostIdentifier.case === "endpoint" ? hostIdentifier.value.address?.address : undefined;
      if (at?.case !== "socketAddress" || at.value.portSpecifier.case !== "portValue") return [];
      return [{ address: at.value.address, port: at.value.portSpecifier.value }];
    });
  const socket = cluster.transportSocket?.configType;
  const tls = socket?.case === "typedConfig" ? anyUnpack(socket.value, UpstreamTlsContextSchema) : undefined;
  const validation = tls?.commonTlsContext?.validationContextType;
  if (tls === undefined) return { kind: "endpoints", addresses, tls: undefined };
  if (validation?.case !== "validationContextSdsSecretConfig") throw new Error(`cluster ${name} validates nobody`);
  const { sni, commonTlsContext } = tls;
  const trusts = trustOf(config, validation.value.name);
  return { kind: "endpoints", addresses, tls: { sni, alpn: commonTlsContext?.alpnProtocols[0] ?? "", trusts } };
}

/** As Envoy has it: a list without names believes any certificate of the root. */
function trustOf({ secrets }: EnvoyConfig, name: string): UpstreamTls["trusts"] {
  const secret = secrets.find((one) => one.name === name);
  if (secret?.type.case !== "validationContext") throw new Error(`there is no secret ${name} to validate by`);
  const names = secret.type.value.matchTypedSubjectAltNames;
  return (principal) => names.length === 0 || names.some((one) => isNamed(one, principal));
}

function isNamed({ sanType, matcher }: SubjectAltNameMatcher, principal: string): boolean {
  return sanType === SubjectAltNameMatcher_SanType.DNS && matcher !== undefined && matchesText(matcher, principal);
}
