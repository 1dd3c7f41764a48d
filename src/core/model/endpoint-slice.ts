/**
 * EndpointSlice: a part of the addresses behind a Service.
 *
 * @module
 */

import * as v from "valibot";
import type { ObjectRef } from "../base/ref.ts";
import { TargetRef } from "./endpoints.ts";
import { AnyText, fieldsOf, filled, listOf, NameText, Text } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";
import { type EndpointPort, EndpointPorts } from "./port.ts";

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** "" if none. */
  readonly hostname: string;
  readonly target?: ObjectRef;
}

export interface EndpointSlice {
  readonly kind: "EndpointSlice";
  readonly meta: Meta;
  /** Label `kubernetes.io/service-name`; "" if it belongs to none. */
  readonly service: string;
  /** `IPv4`, `IPv6` or `FQDN`. */
  readonly addressType: string;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly SliceEndpoint[];
}

const SERVICE_LABEL = "kubernetes.io/service-name";

const Condition = v.nullish(v.boolean("true or false"));
const Conditions = v.nullish(fieldsOf({ ready: Condition, serving: Condition, terminating: Condition }), {});

/** Kubernetes' rule for what is not told: ready, serving as it is ready, and not terminating. */
const SliceEndpoints = v.pipe(
  listOf(fieldsOf({ addresses: listOf(NameText), conditions: Conditions, hostname: Text, targetRef: TargetRef })),
  v.transform((all) =>
    all.map(({ addresses, conditions, hostname, targetRef }): SliceEndpoint => {
      const ready = conditions.ready ?? true;
      return {
        addresses,
        ready,
        serving: conditions.serving ?? ready,
        terminating: conditions.terminating ?? false,
        hostname,
        ...(targetRef == null ? {} : { target: targetRef }),
      };
    }),
  ),
);

export const EndpointSlice: Kind<EndpointSlice> = defineKind({
  kind: "EndpointSlice",
  group: "discovery.k8s.io",
  plural: "endpointslices",
  versions: ["v1"],
  fields: "theirs",
  schema: fieldsOf({
    metadata: Metadata,
    addressType: filled(AnyText, "IPv4"),
    ports: EndpointPorts,
    endpoints: SliceEndpoints,
  }),
  build: ({ addressType, ports, endpoints }, meta): EndpointSlice => ({
    kind: "EndpointSlice",
    meta,
    service: meta.labels[SERVICE_LABEL] ?? "",
    addressType,
    ports,
    endpoints,
  }),
});
