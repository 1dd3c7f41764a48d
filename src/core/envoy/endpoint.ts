/**
 * Load assignments: the addresses behind a cluster.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { HealthStatus } from "../../../gen/envoy/config/core/v3/health_check_pb.ts";
import { type LbEndpoint, LbEndpointSchema } from "../../../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "../../../gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import { memoByObject } from "../base/memo.ts";
import type { Endpoint, EndpointSet } from "../ir/upstream.ts";
import { WORKLOAD_METADATA } from "./signals.ts";
import { socketAddress } from "./typed.ts";

/**
 * One EDS resource, named as its cluster. It has its locality even without endpoints: callers then get 503, UH.
 *
 * Endpoints that are going away stand apart, at a lower priority. Beside the others they would count as unhealthy
 * ones, and where they are more than half Envoy would panic and send new requests to all, also to those that are gone
 * by then.
 */
export const buildEndpoints: (set: EndpointSet) => ClusterLoadAssignment = memoByObject(({ cluster, endpoints }) => {
  const going = endpoints.filter(({ draining }) => draining === true);
  const staying = endpoints.filter(({ draining }) => draining === undefined);
  return create(ClusterLoadAssignmentSchema, {
    clusterName: cluster,
    endpoints: [
      { locality: { zone: "local" }, lbEndpoints: staying.map(lbEndpoint) },
      ...(going.length === 0 ? [] : [{ locality: { zone: "local" }, priority: 1, lbEndpoints: going.map(lbEndpoint) }]),
    ],
  });
});

/** A port on the pod's own loopback. */
export function loopbackAssignment(clusterName: string, port: number): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, {
    clusterName,
    endpoints: [
      {
        locality: { zone: "zone" },
        lbEndpoints: [{ ...lbEndpoint({ address: "127.0.0.1", port }), loadBalancingWeight: 100 }],
      },
    ],
  });
}

/** One address or host name, of no particular place. */
export function loneAssignment(clusterName: string, endpoint: Endpoint): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, { clusterName, endpoints: [{ lbEndpoints: [lbEndpoint(endpoint)] }] });
}

export function emptyAssignment(clusterName: string): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, { clusterName });
}

function lbEndpoint({ address, port, draining, workload }: Endpoint): LbEndpoint {
  return create(LbEndpointSchema, {
    ...(workload === undefined ? {} : { metadata: { filterMetadata: { [WORKLOAD_METADATA]: { ...workload } } } }),
    ...(draining === true ? { healthStatus: HealthStatus.DRAINING } : {}),
    hostIdentifier: { case: "endpoint", value: { address: socketAddress(address, port) } },
  });
}
