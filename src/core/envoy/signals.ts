/**
 * The golden signals: `osm_request_total` and `osm_request_duration_ms` for each pair of workloads (dataplane spec 3.6).
 *
 * OSM counted in a WebAssembly filter of the caller, and learned from headers of the answer who had answered. Here an
 * access logger of Envoy's own counts, and the endpoints themselves say whose they are. So nothing is added to any
 * message, an application cannot lie about itself, and an answer that never came is counted for whom it was asked of.
 *
 * The listener is the same in all pods: who the caller is stands in the environment of its Envoy.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import type { AccessLog } from "../../../gen/envoy/config/accesslog/v3/accesslog_pb.ts";
import { extensionLog } from "./access-log.ts";
import { typedStruct } from "./typed.ts";

/** Younger than the protos at hand. */
const STATS = "type.googleapis.com/envoy.extensions.access_loggers.stats.v3.Config";

/** Of an endpoint's metadata. */
export const WORKLOAD_METADATA = "osm";

/** Variables of Envoy's environment by the label that they fill. */
const SOURCE = {
  source_namespace: "POD_NAMESPACE",
  source_kind: "OSM_WORKLOAD_KIND",
  source_name: "OSM_WORKLOAD_NAME",
  source_pod: "POD_NAME",
} as const;

/** Keys of an endpoint's metadata by the label that they fill. */
const DESTINATION = {
  destination_namespace: "namespace",
  destination_kind: "kind",
  destination_name: "name",
  destination_pod: "pod",
} as const;

/**
 * Scopes of one prefix have their counts in common, so these go on when a listener is replaced. Not by `sharing_name`:
 * Envoy 1.40 ends with a fault when several loggers have one. What nobody touches any more, such as the counts of a pod
 * that is gone, may be forgotten, if the bootstrap has a `stats_eviction_interval`.
 */
const SCOPE = { prefix: "osm", enable_eviction: true };

/** Counts each request once it is over. For the connections that an application makes to services of the mesh. */
export function signalsLog(): AccessLog {
  return extensionLog("envoy.access_loggers.stats", typedStruct(STATS, { ...METRICS }));
}

const PAIR: readonly JsonObject[] = [
  ...Object.entries(SOURCE).map(([name, variable]) => ({ name, value_format: `%ENVIRONMENT(${variable})%` })),
  ...Object.entries(DESTINATION).map(([name, key]) => ({ name, value_format: orUnknown(key) })),
];

const METRICS: JsonObject = {
  stats_scope: SCOPE,
  counters: [
    {
      stat: { name: "request_total", tags: [{ name: "response_code", value_format: "%RESPONSE_CODE%" }, ...PAIR] },
      value_fixed: 1,
    },
  ],
  histograms: [
    { stat: { name: "request_duration_ms", tags: [...PAIR] }, unit: "Milliseconds", value_format: "%DURATION%" },
  ],
};

/**
 * The endpoint that was asked, or the word `unknown` where none was: the proxy answered by itself. The formats have no
 * literals, but a time may be written in a form without any digits.
 */
function orUnknown(key: string): string {
  const operators = [
    { command: "UPSTREAM_METADATA", param: `${WORKLOAD_METADATA}:${key}` },
    { command: "START_TIME", param: "unknown" },
  ];
  return `%COALESCE(${JSON.stringify({ operators })})%`;
}
