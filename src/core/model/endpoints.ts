/**
 * Endpoints: the addresses behind a Service of the same name.
 *
 * @module
 */

import * as v from "valibot";
import type { ObjectRef } from "../base/ref.ts";
import { fieldsOf, listOf, NameText, Text } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";
import { type EndpointPort, EndpointPorts } from "./port.ts";

export interface EndpointAddress {
  readonly ip: string;
  /** "" if none. */
  readonly hostname: string;
  readonly target?: ObjectRef;
}

export interface EndpointSubset {
  readonly addresses: readonly EndpointAddress[];
  readonly notReady: readonly EndpointAddress[];
  readonly ports: readonly EndpointPort[];
}

export interface Endpoints {
  readonly kind: "Endpoints";
  readonly meta: Meta;
  readonly subsets: readonly EndpointSubset[];
}

/** The object behind an address; a pod, as a rule. */
export const TargetRef = v.nullish(fieldsOf({ kind: Text, namespace: Text, name: Text }));

const Addresses = v.pipe(
  listOf(fieldsOf({ ip: NameText, hostname: Text, targetRef: TargetRef })),
  v.transform((all) =>
    all.map(
      ({ ip, hostname, targetRef }): EndpointAddress => ({
        ip,
        hostname,
        ...(targetRef == null ? {} : { target: targetRef }),
      }),
    ),
  ),
);

const Subsets = listOf(fieldsOf({ addresses: Addresses, notReadyAddresses: Addresses, ports: EndpointPorts }));

export const Endpoints: Kind<Endpoints> = defineKind({
  kind: "Endpoints",
  group: "",
  plural: "endpoints",
  versions: ["v1"],
  fields: "theirs",
  schema: fieldsOf({ metadata: Metadata, subsets: Subsets }),
  build: ({ subsets }, meta): Endpoints => ({
    kind: "Endpoints",
    meta,
    subsets: subsets.map(({ addresses, notReadyAddresses, ports }) => ({
      addresses,
      notReady: notReadyAddresses,
      ports,
    })),
  }),
});
