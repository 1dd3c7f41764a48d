/**
 * Messages to bytes, each message once.
 *
 * @module
 */
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Cluster, ClusterSchema } from "../../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "../../../gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import { type Listener, ListenerSchema } from "../../../gen/envoy/config/listener/v3/listener_pb.ts";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../../gen/envoy/config/route/v3/route_pb.ts";
import { type Secret, SecretSchema } from "../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { memoByObject } from "../base/memo.ts";
import type { ProxyIr } from "../ir/proxy.ts";
import { buildConfig, type EnvoyConfig } from "./config.ts";
import type { TrustBundle } from "./secret.ts";

export type { TrustBundle };

/** A resource as it goes over the wire. The same object wherever the same part of the IR is rendered. */
export interface EncodedResource {
  readonly name: string;
  readonly body: Uint8Array;
}

/** By resource type. */
export interface EncodedConfig {
  readonly cluster: readonly EncodedResource[];
  readonly endpoints: readonly EncodedResource[];
  readonly listener: readonly EncodedResource[];
  readonly route: readonly EncodedResource[];
  readonly secret: readonly EncodedResource[];
}

export function encodeConfig(ir: ProxyIr, trust: TrustBundle): EncodedConfig {
  return encodeMessages(buildConfig(ir, trust));
}

/** For a configuration that was built, and checked, before. */
export function encodeMessages({ clusters, endpoints, listeners, routes, secrets }: EnvoyConfig): EncodedConfig {
  return {
    cluster: clusters.map(encodeCluster),
    endpoints: endpoints.map(encodeEndpoints),
    listener: listeners.map(encodeListener),
    route: routes.map(encodeRoutes),
    secret: secrets.map(encodeSecret),
  };
}

const encodeCluster = encoderOf(ClusterSchema, ({ name }: Cluster) => name);
const encodeEndpoints = encoderOf(ClusterLoadAssignmentSchema, ({ clusterName }: ClusterLoadAssignment) => clusterName);
const encodeListener = encoderOf(ListenerSchema, ({ name }: Listener) => name);
const encodeRoutes = encoderOf(RouteConfigurationSchema, ({ name }: RouteConfiguration) => name);
/** Remembered for as long as the message lives: for a certificate until the next one takes its place. */
export const encodeSecret: (secret: Secret) => EncodedResource = encoderOf(SecretSchema, ({ name }: Secret) => name);

function encoderOf<D extends DescMessage>(schema: D, nameOf: (message: MessageShape<D>) => string) {
  return memoByObject(
    (message: MessageShape<D>): EncodedResource => ({ name: nameOf(message), body: toBinary(schema, message) }),
  );
}
