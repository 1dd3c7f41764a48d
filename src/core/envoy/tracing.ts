/**
 * Traces, told to a collector that speaks Zipkin's HTTP API (dataplane spec 3.7).
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ZipkinConfig_CollectorEndpointVersion,
  ZipkinConfigSchema,
} from "../../../gen/envoy/config/trace/v3/zipkin_pb.ts";
import type { HttpConnectionManagerSchema } from "../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { Observation } from "../ir/observation.ts";
import { typed } from "./typed.ts";

type Settings = Pick<MessageInitShape<typeof HttpConnectionManagerSchema>, "generateRequestId" | "tracing">;

export function tracing({ tracing: wanted }: Observation): Settings {
  if (wanted === undefined) return {};
  const { cluster, endpoint, host, sampling } = wanted;
  return {
    generateRequestId: true,
    tracing: {
      verbose: true,
      ...(sampling === undefined ? {} : { randomSampling: { value: sampling } }),
      provider: {
        name: "envoy.tracers.zipkin",
        configType: {
          case: "typedConfig",
          value: typed(ZipkinConfigSchema, {
            collectorCluster: cluster,
            collectorEndpoint: endpoint,
            collectorHostname: host,
            collectorEndpointVersion: ZipkinConfig_CollectorEndpointVersion.HTTP_JSON,
          }),
        },
      },
    },
  };
}
