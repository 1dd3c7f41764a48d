/**
 * TrafficTarget: which identities may call which identity, and what of it.
 *
 * @module
 */
import * as v from "valibot";
import { fieldsOf, listOf, NameText, Text } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";

/** Should be a ServiceAccount; `core/policy` says so where it is not. */
export interface IdentityRef {
  readonly kind: string;
  readonly name: string;
  /** "" stays "": it names nobody. */
  readonly namespace: string;
}

export interface TargetRule {
  /** Should be HTTPRouteGroup or TCPRoute. */
  readonly kind: string;
  readonly name: string;
  /** undefined when left out, which is not the same as empty. */
  readonly matches?: readonly string[];
}

export interface TrafficTarget {
  readonly kind: "TrafficTarget";
  readonly meta: Meta;
  readonly destination: IdentityRef;
  readonly sources: readonly IdentityRef[];
  readonly rules: readonly TargetRule[];
}

const Identity = fieldsOf({ kind: NameText, name: NameText, namespace: Text });
const Rule = fieldsOf({ kind: NameText, name: NameText, matches: v.nullish(v.array(NameText, "a list")) });

// Left out sources or rules are empty lists rather than a refusal: then it grants nothing, where a refusal would
// keep in force what the last accepted version granted.
const Spec = fieldsOf({ destination: Identity, sources: listOf(Identity), rules: listOf(Rule) });

export const TrafficTarget: Kind<TrafficTarget> = defineKind({
  kind: "TrafficTarget",
  group: "access.smi-spec.io",
  plural: "traffictargets",
  versions: ["v1alpha3"],
  unserved: ["v1alpha2", "v1alpha1"],
  fields: "ours",
  schema: fieldsOf({ metadata: Metadata, spec: Spec }),
  build: ({ spec }, meta): TrafficTarget => ({
    kind: "TrafficTarget",
    meta,
    destination: spec.destination,
    sources: spec.sources,
    rules: spec.rules.map(({ kind, name, matches }) => ({ kind, name, ...(matches == null ? {} : { matches }) })),
  }),
});
