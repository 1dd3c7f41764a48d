/**
 * `/api/v1/rotation`: how far the change of the mesh's root is.
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../../core/base/millis.ts";
import { defineEndpoint, type Endpoint } from "./endpoint.ts";
import { Count, Timestamp, toTimestamp } from "./fields.ts";

export interface RootState {
  readonly name: string;
  readonly provider: string;
  readonly trustDomain: string;
}

export interface LaggardState {
  readonly kind: "proxy" | "replica";
  readonly name: string;
  /** "" of a replica. */
  readonly uuid: string;
  readonly connected: boolean;
  readonly reason: string;
}

export interface RotationState {
  readonly phase: "steady" | "trusting" | "issuing" | "returning";
  readonly step: number;
  /** Epoch milliseconds; 0 if there never was a rotation. */
  readonly since: Millis;
  /** In `steady` the only one. */
  readonly from: RootState;
  readonly to?: RootState;
  /** Where it goes by itself. */
  readonly until?: "trusting" | "issuing" | "steady";
  readonly proxies: number;
  readonly passed: number;
  readonly laggards: readonly LaggardState[];
}

const RootAnswer = v.object({ name: v.string(), provider: v.string(), trustDomain: v.string() });

export const RotationAnswer = v.object({
  phase: v.pipe(
    v.picklist(["steady", "trusting", "issuing", "returning"]),
    v.description(
      "steady: one root; trusting: both are trusted, the old one signs; issuing: the new one signs; returning: the old one signs again, before the new one is dropped",
    ),
  ),
  step: v.pipe(Count, v.description("One more with each change")),
  since: v.optional(Timestamp),
  root: v.pipe(RootAnswer, v.description("The old root; in `steady` the only one")),
  next: v.optional(v.pipe(RootAnswer, v.description("The new root"))),
  until: v.optional(
    v.pipe(v.picklist(["trusting", "issuing", "steady"]), v.description("The phase that it goes on to by itself")),
  ),
  proxies: v.object({
    total: v.pipe(Count, v.description("Living pods with a sidecar")),
    passed: v.pipe(Count, v.description("Accepted what this phase is about")),
  }),
  laggards: v.pipe(
    v.array(
      v.object({
        kind: v.picklist(["proxy", "replica"]),
        name: v.string(),
        uuid: v.optional(v.string()),
        connected: v.boolean(),
        reason: v.string(),
      }),
    ),
    v.description("Who holds the phase back, and why; at most 1000"),
  ),
});
export type RotationAnswer = v.InferOutput<typeof RotationAnswer>;

/** Each is two lines of a terminal; an answer of more helps nobody. */
const MOST_LAGGARDS = 1000;

export function rotationEndpoint(state: () => RotationState): Endpoint {
  return defineEndpoint({
    path: "/api/v1/rotation",
    id: "getRotation",
    summary: "How far the change of the root of trust is",
    description:
      "Who has not accepted what the phase is about is named. Proxies of other replicas are counted by what those replicas told.",
    schemaName: "Rotation",
    schema: RotationAnswer,
    read: () => toRotationAnswer(state()),
  });
}

export function toRotationAnswer({
  phase,
  step,
  since,
  from,
  to,
  until,
  proxies,
  passed,
  laggards,
}: RotationState): RotationAnswer {
  return {
    phase,
    step,
    ...(since === 0 ? {} : { since: toTimestamp(since) }),
    root: { ...from },
    ...(to && { next: { ...to } }),
    ...(until && { until }),
    proxies: { total: proxies, passed },
    laggards: laggards.slice(0, MOST_LAGGARDS).map(({ kind, name, uuid, connected, reason }) => ({
      kind,
      name,
      ...(uuid === "" ? {} : { uuid }),
      connected,
      reason,
    })),
  };
}
