/**
 * What an object's status says already, so that whoever writes it need not write the same again.
 *
 * @module
 */
import * as v from "valibot";
import { fieldsOf, isWhole, listOf, Text } from "./fields.ts";

export interface ObjectStatus {
  /** "" if none was written; so for the reason. OSM's: `pending`, `committed` or `error`. */
  readonly currentStatus: string;
  readonly reason: string;
  readonly conditions: readonly StatusCondition[];
}

/** As in Kubernetes' own kinds. */
export interface StatusCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** 0 if none. */
  readonly observedGeneration: number;
  /** RFC 3339; "" if none. */
  readonly lastTransitionTime: string;
}

const NO_STATUS: ObjectStatus = { currentStatus: "", reason: "", conditions: [] };

const Generation = v.pipe(
  v.nullish(v.unknown(), 0),
  v.transform((value) => (isWhole(value) ? value : 0)),
);
const Condition = fieldsOf({
  type: v.string(),
  status: v.string(),
  reason: Text,
  message: Text,
  observedGeneration: Generation,
  lastTransitionTime: Text,
});
const Written = fieldsOf({
  currentStatus: v.fallback(Text, ""),
  reason: v.fallback(Text, ""),
  conditions: v.fallback(listOf(Condition), []),
});

/** Only the control plane writes it. What it cannot read, it writes anew: nothing here is a finding. */
export const Status = v.pipe(
  v.nullish(v.unknown(), {}),
  v.transform((value): ObjectStatus => {
    const read = v.safeParse(Written, value);
    return read.success ? read.output : NO_STATUS;
  }),
);
