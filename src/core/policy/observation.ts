/**
 * What a pod's proxy tells of its traffic: Telemetry, ExtensionService and MeshConfig (dataplane spec 2.16, 3.7, 3.8).
 *
 * @module
 */
import { compareText } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { TelemetryNode } from "../graph/telemetry.ts";
import {
  type AccessLogFormat,
  type LogCollector,
  type LogValue,
  type Observation,
  PLAIN_OBSERVATION,
  type Tracing,
} from "../ir/observation.ts";
import type { HostUpstream } from "../ir/upstream.ts";
import type { ExtensionService } from "../model/extension-service.ts";
import type { Pod } from "../model/pod.ts";
import type { Sharing } from "./sharing.ts";

export interface ObservationIr {
  /** The same for pods that tell the same. */
  readonly key: string;
  /** Shared: the same value for proxies that tell the same. */
  readonly observation: Observation;
  /** Where it is told. Each name once, sorted. */
  readonly upstreams: readonly HostUpstream[];
}

/** As in OSM: dashboards leave the cluster out by this name. */
const TRACING_CLUSTER = "envoy-tracing-cluster";

/** @param scraped - Whether anybody reads the proxy's statistics: signals are counted for nobody else. */
export function resolveObservation(graph: MeshGraph, pod: Pod, scraped: boolean, sharing: Sharing): ObservationIr {
  const telemetry = graph.telemetryOf(pod);
  const signals = scraped && graph.config.featureFlags.enableWASMStats;
  const key = `${telemetry === undefined ? "" : `${telemetry.namespace}/${telemetry.name}`}:${signals}`;
  return sharing.once(graph, `observation:${key}`, () => {
    const collector = telemetry?.collector && collectorOf(telemetry.collector);
    const tracing = tracingOf(graph);
    const observation: Observation = {
      accessLog: formatOf(telemetry?.format),
      ...(collector && { collector: collector.told }),
      ...(tracing && { tracing: tracing.told }),
      signals,
    };
    const upstreams = [collector?.upstream, tracing?.upstream].filter((one) => one !== undefined);
    return {
      key,
      observation: sharing.parts.share(isPlain(observation) ? PLAIN_OBSERVATION : observation),
      upstreams: upstreams.map((one) => sharing.parts.share(one)).sort((a, b) => compareText(a.name, b.name)),
    };
  });
}

function isPlain({ accessLog, collector, tracing, signals }: Observation): boolean {
  return accessLog.kind === "default" && collector === undefined && tracing === undefined && !signals;
}

function formatOf(format: TelemetryNode["format"]): AccessLogFormat {
  if (format === undefined) return PLAIN_OBSERVATION.accessLog;
  return format.kind === "text" ? format : { kind: "json", fields: sortedFields(format.fields) };
}

/** Envoy writes the fields by name anyhow; so formats that differ in order alone are one configuration. */
function sortedFields(fields: Readonly<Record<string, LogValue>>): Readonly<Record<string, LogValue>> {
  const sorted = Object.entries(fields).sort(([a], [b]) => compareText(a, b));
  return Object.fromEntries(sorted.map(([name, value]) => [name, sortedValue(value)]));
}

function sortedValue(value: LogValue): LogValue {
  if (typeof value !== "object" || value === null) return value;
  return isList(value) ? value.map(sortedValue) : sortedFields(value);
}

function isList(value: LogValue): value is readonly LogValue[] {
  return Array.isArray(value);
}

interface Told<T> {
  readonly told: T;
  readonly upstream: HostUpstream;
}

function collectorOf({ service, attributes }: NonNullable<TelemetryNode["collector"]>): Told<LogCollector> {
  const { host, port, protocol, connectTimeout } = service;
  const name = `${host}.${port}`;
  const pairs = Object.entries(attributes).sort(([a], [b]) => compareText(a, b));
  return {
    told: { cluster: name, protocol: spoken(service), attributes: pairs.map(([key, value]) => ({ key, value })) },
    upstream: { kind: "host", name, host, port, protocol, limits: { connectTimeout } },
  };
}

/** gRPC needs HTTP/2. What speaks HTTP/1.1 only gets OTLP in its other form; OSM sent it gRPC, which nothing answers. */
function spoken({ host, port, protocol }: ExtensionService): LogCollector["protocol"] {
  return protocol === "http2" ? { kind: "grpc" } : { kind: "http", url: `http://${host}:${port}/v1/logs` };
}

function tracingOf({ config, settings }: MeshGraph): Told<Tracing> | undefined {
  const { enable, address, port, endpoint, sampling } = config.observability.tracing;
  if (!enable) return undefined;
  const host = address === "" ? `jaeger.${settings.meshNamespace}.svc.cluster.local` : address;
  return {
    told: { cluster: TRACING_CLUSTER, endpoint, host, ...(sampling < 100 && { sampling }) },
    upstream: { kind: "host", name: TRACING_CLUSTER, host, port, protocol: "http1" },
  };
}
