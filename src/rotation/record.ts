/**
 * Where the mesh's root of trust stands, as it is kept: one record, and the only ways in which it changes.
 *
 * ```
 * steady(a) ──start──▶ trusting(a,b) ──advance──▶ issuing(a,b) ──advance──▶ steady(b)
 *     ▲                     │rollBack                  │rollBack
 *     ├─────────────────────┘                          ▼
 *     └───────────────────────────advance──────── returning(a,b)
 * ```
 *
 * @module
 * @see Decision 13.
 */
import * as v from "valibot";
import type { Millis } from "../core/base/millis.ts";

/** Where a root comes from. What stands behind a name is for whoever keeps roots to know. */
const RootSource = v.variant("kind", [
  /** A key that this mesh holds; `store` names the Secret or the folder. */
  v.object({ kind: v.literal("builtin"), store: v.string() }),
  /** A server that signs; `settings` is how it is reached, without secrets. */
  v.object({ kind: v.picklist(["vault", "cert-manager"]), settings: v.record(v.string(), v.string()) }),
]);
export type RootSource = v.InferOutput<typeof RootSource>;

const RootRef = v.object({
  /** Of its MeshRootCertificate; without those, of its Secret. */
  name: v.string(),
  source: RootSource,
  trustDomain: v.string(),
  /** PEM, whom peers trust who trust it. Kept, so that it stays trusted even if its key is lost. */
  certificates: v.array(v.string()),
});
/** Names a root; holds no key. */
export type RootRef = v.InferOutput<typeof RootRef>;

const Common = {
  /** One more with each change: who acts on which. */
  step: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Epoch milliseconds of the last change. */
  since: v.number(),
  /** Trust domains that running proxies may still call the control plane by. */
  formerTrustDomains: v.array(v.string()),
};
const Moving = {
  ...Common,
  from: RootRef,
  to: RootRef,
  /** An operator said that this step need not wait for proxies that are not connected. */
  leaveBehind: v.boolean(),
  /** The last phase that it may go on to by itself; a user's roles may hold it back. */
  until: v.picklist(["trusting", "issuing", "steady"]),
};

export const RotationRecord = v.variant("phase", [
  v.object({ phase: v.literal("steady"), ...Common, root: RootRef }),
  v.object({ phase: v.literal("trusting"), ...Moving }),
  v.object({ phase: v.literal("issuing"), ...Moving }),
  v.object({ phase: v.literal("returning"), ...Moving }),
]);
export type RotationRecord = v.InferOutput<typeof RotationRecord>;
export type MovingRecord = Exclude<RotationRecord, { phase: "steady" }>;
export type Phase = RotationRecord["phase"];

/** A change that makes no sense where the rotation stands. The message says what would. */
export class RotationRefused extends Error {
  override readonly name = "RotationRefused";
}

/** @throws Error if it is no record: going on without it could drop a root that is in use. */
export function parseRecord(text: string, where: string): RotationRecord {
  const read = v.safeParse(RotationRecord, parseJson(text));
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw new Error(`${where} holds no record of a rotation: ${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function steadyOn(root: RootRef, now: Millis): RotationRecord {
  return { phase: "steady", step: 0, since: now, root, formerTrustDomains: [] };
}

/** @throws RotationRefused unless nothing is under way, and `to` is another root. */
export function start(
  record: RotationRecord,
  to: RootRef,
  { now, until = "steady" }: { readonly now: Millis; readonly until?: MovingRecord["until"] },
): RotationRecord {
  if (record.phase !== "steady") throw new RotationRefused(`${underWay(record)}: wait for its end, or roll it back`);
  const { root: from, step, formerTrustDomains } = record;
  if (to.name === from.name) throw new RotationRefused(`${to.name} is the mesh's root already: name another one`);
  if (to.certificates.some((pem) => from.certificates.includes(pem)))
    throw new RotationRefused(
      `${to.name} has the certificate of ${from.name}: give it a key and a certificate of its own`,
    );
  return { phase: "trusting", step: step + 1, since: now, formerTrustDomains, from, to, leaveBehind: false, until };
}

/** In words, for a refusal. */
export function underWay({ from, to, phase }: MovingRecord): string {
  return `a rotation from ${from.name} to ${to.name} is under way (${phase})`;
}

/** The next step forward. Whether it is time is judged elsewhere (`gate.ts`). */
export function advance(record: RotationRecord, now: Millis): RotationRecord {
  switch (record.phase) {
    case "steady":
      throw new RotationRefused("no rotation is under way: start one");
    case "trusting":
      return { ...record, phase: "issuing", step: record.step + 1, since: now, leaveBehind: false };
    case "issuing":
      return endOn(record.to, record, now);
    case "returning":
      return endOn(record.from, record, now);
  }
}

/** The way back, for as long as the old root is not dropped. */
export function rollBack(record: RotationRecord, now: Millis): RotationRecord {
  switch (record.phase) {
    case "steady":
      throw new RotationRefused("no rotation is under way: there is nothing to roll back");
    case "trusting":
      return endOn(record.from, record, now);
    case "issuing":
      return { ...record, phase: "returning", step: record.step + 1, since: now, leaveBehind: false, until: "steady" };
    case "returning":
      return record;
  }
}

/** Lets the step end without the proxies that are not connected. */
export function leaveBehind(record: RotationRecord): RotationRecord {
  if (record.phase === "steady") throw new RotationRefused("no rotation is under way: there is nothing to finish");
  return record.leaveBehind && record.until === "steady" ? record : { ...record, leaveBehind: true, until: "steady" };
}

/** Whether it may leave its phase when its proof is there. */
export function mayAdvance(record: MovingRecord): boolean {
  switch (record.phase) {
    case "trusting":
      return record.until !== "trusting";
    case "issuing":
      return record.until === "steady";
    case "returning":
      return true;
  }
}

function endOn(root: RootRef, { step, from, to, formerTrustDomains }: MovingRecord, now: Millis): RotationRecord {
  const domains = new Set([...formerTrustDomains, from.trustDomain, to.trustDomain]);
  domains.delete(root.trustDomain);
  return { phase: "steady", step: step + 1, since: now, root, formerTrustDomains: [...domains].sort() };
}
