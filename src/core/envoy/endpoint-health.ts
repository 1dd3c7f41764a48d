/**
 * How a caller's proxy notices an endpoint that does not answer well: by asking it, and by what its answers are.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import {
  type OutlierDetection as EnvoyOutlierDetection,
  OutlierDetectionSchema,
} from "../../../gen/envoy/config/cluster/v3/outlier_detection_pb.ts";
import { type HealthCheck, HealthCheckSchema } from "../../../gen/envoy/config/core/v3/health_check_pb.ts";
import type { MeshUpstream, OutlierDetection } from "../ir/upstream.ts";
import { HEALTH_CHECK_HEADER, HEALTH_CHECK_PATH } from "./names.ts";
import { durationOf } from "./typed.ts";

interface EndpointHealth {
  readonly healthChecks?: HealthCheck[];
  readonly ignoreHealthOnHostRemoval?: boolean;
  readonly outlierDetection?: EnvoyOutlierDetection;
}

/** An endpoint that is taken away goes at once, and not when the next checks of it have failed. */
export function endpointHealth({ sni, healthChecks, outliers }: MeshUpstream): EndpointHealth {
  return {
    ...(healthChecks === true ? { healthChecks: [activeCheck(sni)], ignoreHealthOnHostRemoval: true } : {}),
    ...(outliers === undefined ? {} : { outlierDetection: outlierDetection(outliers) }),
  };
}

/** OSM's times and thresholds (dataplane spec 5.2). The proxy of the endpoint answers, not the application. */
function activeCheck(host: string): HealthCheck {
  return create(HealthCheckSchema, {
    timeout: durationOf(1_000),
    interval: durationOf(10_000),
    healthyThreshold: 1,
    unhealthyThreshold: 3,
    healthChecker: {
      case: "httpHealthCheck",
      value: {
        host,
        path: HEALTH_CHECK_PATH,
        requestHeadersToAdd: [{ header: { key: HEALTH_CHECK_HEADER, value: "1" } }],
      },
    },
  });
}

function outlierDetection(outliers: OutlierDetection): EnvoyOutlierDetection {
  const { consecutiveErrors, interval, baseEjectionTime, maxEjectionPercent } = outliers;
  return create(OutlierDetectionSchema, {
    consecutive5xx: consecutiveErrors,
    interval: durationOf(interval),
    baseEjectionTime: durationOf(baseEjectionTime),
    maxEjectionPercent,
    // Envoy would also compare the endpoints' shares of good answers, which nobody asked for.
    enforcingSuccessRate: 0,
  });
}
