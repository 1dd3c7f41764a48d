/**
 * The listener that Prometheus scrapes: Envoy's own statistics, and no other part of its administration endpoint.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../../gen/envoy/config/core/v3/base_pb.ts";
import { type Listener, ListenerSchema } from "../../../gen/envoy/config/listener/v3/listener_pb.ts";
import { RouterSchema } from "../../../gen/envoy/extensions/filters/http/router/v3/router_pb.ts";
import { HttpConnectionManager_CodecType } from "../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { memoByObject } from "../base/memo.ts";
import type { Observation } from "../ir/observation.ts";
import { accessLogs } from "./access-log.ts";
import { connectionManager, httpFilter } from "./filter.ts";
import { METRICS_CLUSTER, METRICS_LISTENER, METRICS_PORT } from "./names.ts";

import { socketAddress } from "./typed.ts";

const PATH = "/stats/prometheus";

export const buildMetricsListener: (observation: Observation) => Listener = memoByObject((observation) =>
  create(ListenerSchema, {
    name: METRICS_LISTENER,
    address: socketAddress("0.0.0.0", METRICS_PORT),
    trafficDirection: TrafficDirection.INBOUND,
    filterChains: [
      {
        filters: [
          connectionManager({
            statPrefix: "prometheus-http-conn-manager",
            codecType: HttpConnectionManager_CodecType.AUTO,
            routeSpecifier: {
              case: "routeConfig",
              value: {
                virtualHosts: [
                  {
                    name: "prometheus-inbound-virtual-host",
                    domains: ["*"],
                    routes: [
                      {
                        match: { pathSpecifier: { case: "prefix", value: PATH } },
                        action: {
                          case: "route",
                          value: { clusterSpecifier: { case: "cluster", value: METRICS_CLUSTER }, prefixRewrite: PATH },
                        },
                      },
                    ],
                  },
                ],
              },
            },
            httpFilters: [httpFilter("http_router", RouterSchema)],
            accessLog: accessLogs(observation),
            // A rule looks at the path here: nothing but the statistics may be reached.
            normalizePath: true,
            mergeSlashes: true,
          }),
        ],
      },
    ],
    accessLog: accessLogs(observation),
  }),
);
