/**
 * What a listener, a cluster or a route table refers to by name.
 *
 * @module
 */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { TransportSocket } from "../../../gen/envoy/config/core/v3/base_pb.ts";
import type { Filter, FilterChain } from "../../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import type { Listener } from "../../../gen/envoy/config/listener/v3/listener_pb.ts";
import type { Route, RouteAction } from "../../../gen/envoy/config/route/v3/route_components_pb.ts";
import type { RouteConfiguration } from "../../../gen/envoy/config/route/v3/route_pb.ts";
import { ZipkinConfigSchema } from "../../../gen/envoy/config/trace/v3/zipkin_pb.ts";
import { ExtAuthzSchema } from "../../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts";
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  type HttpFilter,
} from "../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import {
  type TcpProxy,
  TcpProxySchema,
} from "../../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import {
  type CommonTlsContext,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { memoByObject } from "../base/memo.ts";

export interface References {
  readonly clusters: readonly string[];
  readonly routeTables: readonly string[];
  readonly secrets: readonly string[];
}

export const referencesOf: (listener: Listener) => References = memoByObject((listener) => {
  const chains = chainsOf(listener);
  const found = chains.flatMap(({ filters }) => filters.map(filterReferences));
  return {
    clusters: found.flatMap(({ clusters }) => clusters),
    routeTables: found.flatMap(({ routeTables }) => routeTables),
    secrets: chains.flatMap(({ transportSocket }) => secretsOf(transportSocket)),
  };
});

/** All filter chains, the default one too. */
function chainsOf({ filterChains, defaultFilterChain }: Listener): readonly FilterChain[] {
  return defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
}

export const clustersOfRoutes: (table: RouteConfiguration) => readonly string[] = memoByObject(({ virtualHosts }) =>
  virtualHosts.flatMap(({ routes }) => routes.flatMap(clustersOfRoute)),
);

/** The SDS names in a TLS transport socket. */
export function secretsOf(socket: TransportSocket | undefined): readonly string[] {
  return socket === undefined ? [] : secretsOfSocket(socket);
}

const secretsOfSocket = memoByObject(({ configType }: TransportSocket): readonly string[] => {
  if (configType.case !== "typedConfig") return [];
  const config = configType.value;
  const context = anyUnpack(config, UpstreamTlsContextSchema) ?? anyUnpack(config, DownstreamTlsContextSchema);
  return context?.commonTlsContext === undefined ? [] : secretsOfContext(context.commonTlsContext);
});

function secretsOfContext({
  tlsCertificateSdsSecretConfigs,
  validationContextType,
}: CommonTlsContext): readonly string[] {
  const own = tlsCertificateSdsSecretConfigs.map(({ name }) => name);
  switch (validationContextType.case) {
    case "validationContextSdsSecretConfig":
      return [...own, validationContextType.value.name];
    case "combinedValidationContext":
      return [...own, validationContextType.value.validationContextSdsSecretConfig?.name ?? ""];
    default:
      return own;
  }
}

type FilterReferences = Omit<References, "secrets">;

function filterReferences({ configType }: Filter): FilterReferences {
  if (configType.case !== "typedConfig") return { clusters: [], routeTables: [] };
  const manager = anyUnpack(configType.value, HttpConnectionManagerSchema);
  if (manager !== undefined) return managerReferences(manager);
  const proxy = anyUnpack(configType.value, TcpProxySchema);
  return { clusters: proxy === undefined ? [] : clustersNamed(proxy), routeTables: [] };
}

function managerReferences({ routeSpecifier, httpFilters, tracing }: HttpConnectionManager): FilterReferences {
  const asked = [...httpFilters.flatMap(authorizerOf), ...collectorOf(tracing)];
  switch (routeSpecifier.case) {
    case "rds":
      return { clusters: asked, routeTables: [routeSpecifier.value.routeConfigName] };
    case "routeConfig":
      return { clusters: [...asked, ...clustersOfRoutes(routeSpecifier.value)], routeTables: [] };
    default:
      return { clusters: asked, routeTables: [] };
  }
}

/** Envoy refuses a listener whose authoriser or collector of traces is in no cluster that it knows. */
function authorizerOf({ configType }: HttpFilter): readonly string[] {
  const filter = configType.case === "typedConfig" ? anyUnpack(configType.value, ExtAuthzSchema) : undefined;
  if (filter?.services.case !== "grpcService") return [];
  const { targetSpecifier } = filter.services.value;
  return targetSpecifier.case === "envoyGrpc" ? [targetSpecifier.value.clusterName] : [];
}

function collectorOf(tracing: HttpConnectionManager["tracing"]): readonly string[] {
  const config = tracing?.provider?.configType;
  const zipkin = config?.case === "typedConfig" ? anyUnpack(config.value, ZipkinConfigSchema) : undefined;
  return zipkin === undefined ? [] : [zipkin.collectorCluster];
}

function clustersOfRoute({ action }: Route): readonly string[] {
  return action.case === "route" ? clustersNamed(action.value) : [];
}

function clustersNamed({ clusterSpecifier }: Pick<TcpProxy | RouteAction, "clusterSpecifier">): readonly string[] {
  switch (clusterSpecifier.case) {
    case "cluster":
      return [clusterSpecifier.value];
    case "weightedClusters":
      return clusterSpecifier.value.clusters.map(({ name }) => name);
    default:
      return [];
  }
}
