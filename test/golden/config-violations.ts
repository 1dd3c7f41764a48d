/**
 * The field rules over a whole configuration.
 *
 * @module
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.ts";
import { RouteConfigurationSchema } from "../../gen/envoy/config/route/v3/route_pb.ts";
import { SecretSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import type { EnvoyConfig } from "../../src/core/envoy/config.ts";
import { PACKED } from "./envoy-messages.ts";
import { fieldRuleViolations } from "./field-rules.ts";

/** Every rule that any resource of a configuration breaks. */
export function configViolations({ clusters, endpoints, listeners, routes, secrets }: EnvoyConfig): readonly string[] {
  const all = <D extends DescMessage>(schema: D, messages: readonly MessageShape<D>[]) =>
    messages.flatMap((message) => fieldRuleViolations(schema, message, PACKED));
  return [
    ...all(ClusterSchema, clusters),
    ...all(ClusterLoadAssignmentSchema, endpoints),
    ...all(ListenerSchema, listeners),
    ...all(RouteConfigurationSchema, routes),
    ...all(SecretSchema, secrets),
  ];
}
