/**
 * TCPRoute: the ports that a TrafficTarget opens at layer 4.
 *
 * @module
 */
import * as v from "valibot";
import { fieldsOf, Port, Text } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";

export interface TCPRoute {
  readonly kind: "TCPRoute";
  readonly meta: Meta;
  /** Target ports, sorted, each once. */
  readonly ports: readonly number[];
}

// A route without ports would read as "any port", so it is refused: an empty list is never "any".
const Ports = v.pipe(v.array(Port, "a list of ports"), v.minLength(1, "a list of at least one port"));

export const TCPRoute: Kind<TCPRoute> = defineKind({
  kind: "TCPRoute",
  group: "specs.smi-spec.io",
  plural: "tcproutes",
  versions: ["v1alpha4"],
  unserved: ["v1alpha3", "v1alpha2", "v1alpha1"],
  fields: "ours",
  schema: fieldsOf({ metadata: Metadata, spec: fieldsOf({ matches: fieldsOf({ name: Text, ports: Ports }) }) }),
  build: ({ spec }, meta): TCPRoute => ({
    kind: "TCPRoute",
    meta,
    ports: [...new Set(spec.matches.ports)].sort((a, b) => a - b),
  }),
});
