/**
 * What a proxy tells of the traffic that it carries: access logs, traces, golden signals. The same for all its listeners.
 *
 * @module
 */

/** JSON as an access log format has it: every leaf is a text with command operators, or a plain value. Sorted by key. */
export type LogFields = { readonly [key: string]: LogValue };
export type LogValue = string | number | boolean | null | LogFields | readonly LogValue[];

export type AccessLogFormat =
  /** OSM's nineteen keys. */
  | { readonly kind: "default" }
  | { readonly kind: "json"; readonly fields: LogFields }
  | { readonly kind: "text"; readonly text: string };

export interface LogCollector {
  /** `<host>.<port>`, an upstream of the proxy; also the name of the log. */
  readonly cluster: string;
  /** OTLP over gRPC, or over HTTP/1.1 to this URL. */
  readonly protocol: { readonly kind: "grpc" } | { readonly kind: "http"; readonly url: string };
  /** Sorted by key. */
  readonly attributes: readonly { readonly key: string; readonly value: string }[];
}

export interface Tracing {
  /** An upstream of the proxy that speaks Zipkin's HTTP API. */
  readonly cluster: string;
  /** The collector's path. */
  readonly endpoint: string;
  /** Its `Host`. */
  readonly host: string;
  /** Of all requests, in percent. Absent: each. */
  readonly sampling?: number;
}

export interface Observation {
  readonly accessLog: AccessLogFormat;
  /** Where the same lines go beside standard output. */
  readonly collector?: LogCollector;
  readonly tracing?: Tracing;
  /** Whether the requests that its application makes are counted by pair of workloads (`osm_request_total`). */
  readonly signals: boolean;
}

export const PLAIN_OBSERVATION: Observation = Object.freeze<Observation>({
  accessLog: Object.freeze({ kind: "default" as const }),
  signals: false,
});
