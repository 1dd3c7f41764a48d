/**
 * Listener filters: what is learnt of a connection before its filter chain is chosen.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type ListenerFilter,
  type ListenerFilterChainMatchPredicate,
  ListenerFilterChainMatchPredicateSchema,
  ListenerFilterSchema,
} from "../../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import { HttpInspectorSchema } from "../../../gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts";
import { OriginalDstSchema } from "../../../gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts";
import { TlsInspectorSchema } from "../../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import { typed } from "./typed.ts";

/** Restores the address that was dialled, which the redirection replaced. */
export function originalDestination(): ListenerFilter {
  return listenerFilter("original_dst", typed(OriginalDstSchema));
}

/** Where an inspector waits for the client's first bytes: on these ports alone, or on all but these. */
export type Inspection =
  | { readonly kind: "only"; readonly ports: NonEmpty<number> }
  | { readonly kind: "except"; readonly ports: readonly number[] };

const EVERYWHERE: Inspection = { kind: "except", ports: [] };

export function tlsInspector(where: Inspection = EVERYWHERE): ListenerFilter {
  return listenerFilter("tls_inspector", typed(TlsInspectorSchema), where);
}

export function httpInspector(where: Inspection): ListenerFilter {
  return listenerFilter("http_inspector", typed(HttpInspectorSchema), where);
}

function listenerFilter(name: string, config: Any, where: Inspection = EVERYWHERE): ListenerFilter {
  const filterDisabled = disabledBy(where);
  return create(ListenerFilterSchema, {
    name,
    configType: { case: "typedConfig", value: config },
    ...(filterDisabled === undefined ? {} : { filterDisabled }),
  });
}

function disabledBy({ kind, ports }: Inspection): ListenerFilterChainMatchPredicate | undefined {
  const named = anyOfPorts(ports);
  if (kind === "except" || named === undefined) return named;
  return create(ListenerFilterChainMatchPredicateSchema, { rule: { case: "notMatch", value: named } });
}

/** Envoy wants at least two rules in an `or_match`. */
function anyOfPorts(ports: readonly number[]): ListenerFilterChainMatchPredicate | undefined {
  const [first, ...others] = ports.map(onPort);
  if (others.length === 0) return first;
  return create(ListenerFilterChainMatchPredicateSchema, {
    rule: { case: "orMatch", value: { rules: ports.map(onPort) } },
  });
}

function onPort(port: number): ListenerFilterChainMatchPredicate {
  return create(ListenerFilterChainMatchPredicateSchema, {
    rule: { case: "destinationPortRange", value: { start: port, end: port + 1 } },
  });
}
