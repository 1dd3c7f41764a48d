/**
 * What users' roles ask of the rotation: MeshRootCertificates in, the next change of the record out.
 *
 * An active root signs, a passive one is trusted. Roles may jump; the rotation still goes its way step by step, as far
 * as the roles allow and no further.
 *
 * @module
 * @see platform spec 5.5
 */
import { type MovingRecord, type RootRef, type RotationRecord, rollBack, start } from "./record.ts";

export interface IntendedRoot {
  readonly ref: RootRef;
  readonly role: "active" | "passive" | "inactive";
}

export type Intent =
  /** The record says what the roles say. */
  | { readonly kind: "met" }
  | Change
  /** It cannot be done as it is written, or not yet. */
  | { readonly kind: "trouble"; readonly message: string };

interface Change {
  readonly kind: "change";
  /** @param to - What `opens` names, with its certificates. */
  readonly apply: (record: RotationRecord, to: RootRef | undefined) => RotationRecord;
  readonly opens?: RootRef;
}

const MET: Intent = { kind: "met" };

/** @param now - Epoch milliseconds. */
export function intentOf(record: RotationRecord, roots: readonly IntendedRoot[], now: number): Intent {
  const usable = roots.filter(({ role }) => role !== "inactive");
  const active = usable.filter(({ role }) => role === "active");
  if (usable.length === 0) return MET; // nothing is asked for: what is in force stays
  if (usable.length > 2)
    return trouble(`${usable.length} MeshRootCertificates are active or passive: set all but two inactive`);
  const changed = usable.find(({ ref }) =>
    knownRoots(record).some((one) => one.name === ref.name && !sameRoot(one, ref)),
  );
  if (changed !== undefined) {
    const { name } = changed.ref;
    return trouble(
      `${name} names another provider or trust domain than the one that proxies trust under this name: put it back, and make another MeshRootCertificate`,
    );
  }
  const signing = signingOf(
    record,
    active.map(({ ref }) => ref),
  );
  if (signing === undefined)
    return trouble("no MeshRootCertificate is active: what is in force stays; make one active");
  const other = usable.map(({ ref }) => ref).find(({ name }) => name !== signing.name);
  const isNamed = (one: RootRef): boolean => roots.some(({ ref }) => ref.name === one.name);
  return record.phase === "steady"
    ? fromSteady(record, { signing, other, fresh: !isNamed(record.root) }, now)
    : whileMoving(record, { signing, other }, now);
}

function knownRoots(record: RotationRecord): readonly RootRef[] {
  return record.phase === "steady" ? [record.root] : [record.from, record.to];
}

/** Of two active ones, the one that signs already. */
function signingOf(record: RotationRecord, active: readonly RootRef[]): RootRef | undefined {
  const current = record.phase === "steady" ? record.root : record.phase === "issuing" ? record.to : record.from;
  return active.find(({ name }) => name === current.name) ?? active[0];
}

interface Wanted {
  readonly signing: RootRef;
  readonly other: RootRef | undefined;
}

function fromSteady(
  record: Extract<RotationRecord, { phase: "steady" }>,
  { signing, other, fresh }: Wanted & { readonly fresh: boolean },
  now: number,
): Intent {
  const { root } = record;
  if (root.name !== signing.name && (fresh || sameRoot(root, signing))) {
    const begin = starting(signing, "steady", now);
    return { ...begin, apply: (current, to) => adopted(current, to) ?? begin.apply(current, to) };
  }
  if (root.name === signing.name) return other === undefined ? MET : starting(other, "trusting", now);
  return starting(signing, other?.name === root.name ? "issuing" : "steady", now);
}

/** The root that the mesh had before it had MeshRootCertificates, under its new name, however it is reached by now. */
function adopted(record: RotationRecord, to: RootRef | undefined): RotationRecord | undefined {
  if (record.phase !== "steady" || to === undefined) return undefined;
  const isSame =
    record.root.trustDomain === to.trustDomain && to.certificates.some((pem) => record.root.certificates.includes(pem));
  return isSame ? { ...record, step: record.step + 1, root: to } : undefined;
}

function whileMoving(record: MovingRecord, { signing, other }: Wanted, now: number): Intent {
  const { phase, from, to } = record;
  if (signing.name === to.name) {
    if (phase === "returning") return trouble(`the way back to ${from.name} is not over yet: wait`);
    return goingTo(record, other?.name === from.name ? "issuing" : "steady");
  }
  if (signing.name !== from.name)
    return trouble(
      `a rotation from ${from.name} to ${to.name} is under way: wait for its end, or make one of the two active`,
    );
  if (phase === "returning") return MET;
  if (phase === "trusting" && other?.name === to.name) return goingTo(record, "trusting");
  return { kind: "change", apply: (current) => rollBack(current, now) };
}

function goingTo(record: MovingRecord, until: MovingRecord["until"]): Intent {
  if (record.until === until) return MET;
  return { kind: "change", apply: (current) => (current.phase === "steady" ? current : { ...current, until }) };
}

function starting(ref: RootRef, until: MovingRecord["until"], now: number): Change {
  return { kind: "change", opens: ref, apply: (current, to) => start(current, to ?? ref, { now, until }) };
}

function sameRoot(a: RootRef, b: RootRef): boolean {
  return a.trustDomain === b.trustDomain && JSON.stringify(a.source) === JSON.stringify(b.source);
}

function trouble(message: string): Intent {
  return { kind: "trouble", message };
}

export type RootUse = "issuing" | "validating" | "unused";

/** What a root is used for by now. */
export function useOf(record: RotationRecord, name: string): RootUse {
  if (record.phase === "steady") return record.root.name === name ? "issuing" : "unused";
  const signing = record.phase === "issuing" ? record.to : record.from;
  if (signing.name === name) return "issuing";
  return [record.from.name, record.to.name].includes(name) ? "validating" : "unused";
}
