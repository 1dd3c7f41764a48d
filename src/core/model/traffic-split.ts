/**
 * TrafficSplit: shares of a Service's traffic for other Services.
 *
 * @module
 */
import * as v from "valibot";
import { fieldsOf, NameText, wholeFrom } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";

export interface SplitBackend {
  readonly service: string;
  /** Relative to the sum over the backends; 0 or more. */
  readonly weight: number;
}

export interface TrafficSplit {
  readonly kind: "TrafficSplit";
  readonly meta: Meta;
  /** As written: `svc`, `svc.ns`, the full domain name, each with or without a port. */
  readonly service: string;
  readonly backends: readonly SplitBackend[];
}

/** Envoy adds the weights up in 32 bits. */
const WEIGHTS_SUM = 2 ** 32 - 1;

const Backends = v.pipe(
  v.array(fieldsOf({ service: NameText, weight: wholeFrom(0) }), "a list of backends"),
  v.check(
    (backends) => backends.reduce((sum, { weight }) => sum + weight, 0) <= WEIGHTS_SUM,
    `backends whose weights add up to ${WEIGHTS_SUM} or less`,
  ),
);

export const TrafficSplit: Kind<TrafficSplit> = defineKind({
  kind: "TrafficSplit",
  group: "split.smi-spec.io",
  plural: "trafficsplits",
  versions: ["v1alpha2"],
  unserved: ["v1alpha4", "v1alpha3", "v1alpha1"],
  fields: "ours",
  schema: fieldsOf({ metadata: Metadata, spec: fieldsOf({ service: NameText, backends: Backends }) }),
  build: ({ spec }, meta): TrafficSplit => ({
    kind: "TrafficSplit",
    meta,
    service: spec.service,
    backends: spec.backends,
  }),
});
