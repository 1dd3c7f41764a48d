/**
 * Small conversions between our values and protobuf's.
 *
 * @module
 */
import { create, type DescMessage, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { type Any, anyPack, type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import {
  type Address,
  AddressSchema,
  type CidrRange,
  CidrRangeSchema,
} from "../../../gen/envoy/config/core/v3/address_pb.ts";
import {
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from "../../../gen/envoy/config/core/v3/config_source_pb.ts";
import { TypedStructSchema } from "../../../gen/xds/type/v3/typed_struct_pb.ts";
import type { Millis } from "../base/millis.ts";
import type { AddressRange } from "../ir/listener.ts";

/** A message made and packed, as Envoy's extension points want it. */
export function typed<D extends DescMessage>(schema: D, init?: MessageInitShape<D>): Any {
  return anyPack(schema, create(schema, init));
}

/** A message of Envoy's that is not among the generated ones, as JSON with the field names of its proto. */
export function typedStruct(typeUrl: string, value: JsonObject): Any {
  return typed(TypedStructSchema, { typeUrl, value });
}

export function durationOf(span: Millis): Duration {
  const seconds = Math.floor(span / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((span - seconds * 1000) * 1e6) });
}

/** "Ask for it on the stream that this came on." A new message each time: messages are not shared between parents. */
export function fromAds(): ConfigSource {
  return create(ConfigSourceSchema, {
    configSourceSpecifier: { case: "ads", value: {} },
    resourceApiVersion: ApiVersion.V3,
  });
}

export function prefixRange({ address, prefixLength }: AddressRange): CidrRange {
  return create(CidrRangeSchema, { addressPrefix: address, prefixLen: prefixLength });
}

export function socketAddress(address: string, port: number): Address {
  return create(AddressSchema, {
    address: { case: "socketAddress", value: { address, portSpecifier: { case: "portValue", value: port } } },
  });
}
