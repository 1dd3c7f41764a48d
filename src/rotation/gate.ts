/**
 * Whether a step of a rotation has reached everybody: pure, from what proxies accepted.
 *
 * @module
 */
import type { MovingRecord, Phase } from "./record.ts";

/** What one living pod's proxy has accepted, as this replica knows it. */
export interface ProxyStanding {
  readonly uuid: string;
  readonly namespace: string;
  readonly pod: string;
  readonly connected: boolean;
  /** Of what it was sent last and has accepted: absent while it has not. */
  readonly accepted?: {
    /** PEM of the roots that it trusts. */
    readonly trust: string;
    /** Id of the root that its leaf leads to; absent where it holds one that this control plane did not issue. */
    readonly issuer?: string;
    /** Whose names it accepts. */
    readonly trustDomains: readonly string[];
  };
  /** Id of the root that the certificate leads to which it dialled with; absent if that is not known. */
  readonly credential?: string;
}

/** What a proxy must hold for the step to be over. */
export interface Demand {
  /** PEM. */
  readonly trust: string;
  /** Absent: whichever. */
  readonly issuer?: string;
  readonly trustDomains: readonly string[];
}

/** What one replica of the control plane knows of a step. */
export interface ReplicaReport {
  readonly replica: string;
  readonly step: number;
  /** UUIDs of proxies that accepted the step, connected or not. */
  readonly passed: readonly string[];
  /** UUIDs of proxies that are connected to it and have not. */
  readonly pending: readonly string[];
}

export interface Laggard {
  readonly kind: "proxy" | "replica";
  /** `namespace/pod`, or the replica's name. */
  readonly name: string;
  /** "" of a replica. */
  readonly uuid: string;
  readonly connected: boolean;
  /** For people: what it has not done. */
  readonly reason: string;
}

export interface Verdict {
  readonly proxies: number;
  readonly passed: number;
  readonly laggards: readonly Laggard[];
  /** Nobody holds the step back. */
  readonly over: boolean;
}

/** Why the proxy has not passed. @returns undefined if it has. */
export function shortfall(phase: Phase, demand: Demand, standing: ProxyStanding): string | undefined {
  const { accepted, credential } = standing;
  if (accepted === undefined) return "has not accepted the configuration that it was sent last";
  if (accepted.trust !== demand.trust) return "has not yet been sent the trusted roots of this step";
  if (accepted.trustDomains.join() !== demand.trustDomains.join())
    return "has not yet been sent the trust domains of this step";
  if (demand.issuer === undefined) return undefined;
  const [wanted, other] = phase === "returning" ? ["old", "new"] : ["new", "old"];
  if (accepted.issuer !== demand.issuer) return `still has a certificate of the ${other} root`;
  if (credential !== demand.issuer) return `has not connected with a credential of the ${wanted} root yet`;
  return undefined;
}

export interface Question {
  readonly record: MovingRecord;
  /** Of this replica; every living pod of the mesh that has a proxy. */
  readonly standings: readonly ProxyStanding[];
  readonly shortfalls: ReadonlyMap<string, string>;
  /** UUIDs that accepted this step, on this replica, at some time since it began. */
  readonly passed: ReadonlySet<string>;
  /** Of the other replicas that live; one that has said nothing has step -1. */
  readonly others: readonly ReplicaReport[];
}

/** Who holds the step back, and why. */
export function judge({ record, standings, shortfalls, passed, others }: Question): Verdict {
  const current = others.filter(({ step }) => step === record.step);
  const behind = others.filter(({ step }) => step !== record.step);
  const elsewhere = new Set(current.flatMap((one) => one.passed));
  const pending = new Set(current.flatMap((one) => one.pending));
  const laggards = standings.flatMap((standing): readonly Laggard[] => {
    const { uuid, namespace, pod, connected } = standing;
    const name = `${namespace}/${pod}`;
    const told = (reason: string, here: boolean): readonly Laggard[] => [
      { kind: "proxy", name, uuid, connected: here, reason },
    ];
    const short = shortfalls.get(uuid);
    if (connected && short !== undefined) return told(short, true);
    if (!connected && pending.has(uuid)) return told("has not accepted this step yet, at another replica", true);
    if (connected || passed.has(uuid) || elsewhere.has(uuid) || record.leaveBehind) return [];
    return told("is not connected, and did not accept this step before", false);
  });
  const slow = behind.map(
    ({ replica, step }): Laggard => ({
      kind: "replica",
      name: replica,
      uuid: "",
      connected: true,
      reason: step < 0 ? "has not said which step it acts on" : `acts on step ${step}, not ${record.step}`,
    }),
  );
  const held = laggards.length;
  return {
    proxies: standings.length,
    passed: standings.length - held,
    laggards: [...laggards, ...slow],
    over: held + slow.length === 0,
  };
}
