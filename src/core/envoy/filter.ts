/**
 * Filters as their chains hold them: a name and a packed message.
 *
 * @module
 */
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { type Filter, FilterSchema } from "../../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import {
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
} from "../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { typed } from "./typed.ts";

export function networkFilter<D extends DescMessage>(name: string, schema: D, init: MessageInitShape<D>): Filter {
  return create(FilterSchema, { name, configType: { case: "typedConfig", value: typed(schema, init) } });
}

export function connectionManager(init: MessageInitShape<typeof HttpConnectionManagerSchema>): Filter {
  return networkFilter("envoy.filters.network.http_connection_manager", HttpConnectionManagerSchema, init);
}

export function httpFilter<D extends DescMessage>(name: string, schema: D, init?: MessageInitShape<D>): HttpFilter {
  return create(HttpFilterSchema, { name, configType: { case: "typedConfig", value: typed(schema, init) } });
}
