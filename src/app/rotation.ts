/**
 * Lets a control plane act on the rotation's record: trust, leaves, servers, and the proof that proxies give.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { ProxyState } from "../engine/engine.ts";
import type { EngineLog } from "../engine/ports.ts";
import { Advancer, type AdvancerOptions, type Progress } from "../rotation/advancer.ts";
import type { ProxyStanding } from "../rotation/gate.ts";
import { createRedialer } from "../rotation/redial.ts";
import type { Rotator } from "../rotation/rotator.ts";

const LOOK_EVERY: Millis = 250;

export interface RotationDeps {
  readonly rotator: Rotator;
  readonly proxies: () => readonly ProxyState[];
  /** By UUID, the id of the root of the certificate that the proxy dialled with. */
  readonly credentialOf: (uuid: string) => string | undefined;
  readonly redial: (uuid: string) => void;
  readonly log: EngineLog;
}

/** How several replicas share a rotation; one alone leads and knows of no other. */
export interface RotationCompany extends Pick<AdvancerOptions, "others" | "leads" | "prepare"> {
  /** Takes what others have written, tells them what this one knows. Rejects if nobody could be asked. */
  exchange?(advancer: Advancer): Promise<void>;
}

export interface Rotation {
  readonly rotator: Rotator;
  progress(): Progress;
  report(replica: string): ReturnType<Advancer["report"]>;
  stop(): void;
}

/** Looks after the rotation until it is stopped. */
export function runRotation(deps: RotationDeps, company: RotationCompany): Rotation {
  const { rotator, log } = deps;
  const now = (): Millis => Date.now();
  const standings = (): readonly ProxyStanding[] => standingsOf(deps);
  const advancer = new Advancer({
    ...company,
    roots: () => rotator.roots(),
    change: (step) => rotator.change(step),
    standings,
    now,
  });
  const redialer = createRedialer();
  let said = "";
  let busy = false;

  function redial(): void {
    const { record, signing } = rotator.roots();
    if (record.phase !== "issuing" && record.phase !== "returning") return;
    const { step, since } = record;
    const question = { step, since, now: now(), wanted: signing.issuerId, standings: standings() };
    for (const uuid of redialer.pick(question)) deps.redial(uuid);
  }

  /** Never rejects: what fails is said once and tried again. */
  async function look(): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      await company.exchange?.(advancer);
      if (rotator.roots().record.phase !== "steady") {
        redial();
        await advancer.look();
      }
      said = "";
    } catch (error) {
      if (String(error) !== said) log.error("the rotation of the root waits", { error: String(error) });
      said = String(error);
    }
    busy = false;
  }

  const timer = setInterval(() => void look(), LOOK_EVERY);
  const stopTelling = rotator.onChange(({ record }) => {
    const names =
      record.phase === "steady" ? { root: record.root.name } : { from: record.from.name, to: record.to.name };
    log.info("the rotation of the root took a step", { phase: record.phase, step: record.step, ...names });
  });
  return {
    rotator,
    progress: () => advancer.progress(),
    report: (replica) => advancer.report(replica),
    stop() {
      clearInterval(timer);
      stopTelling();
    },
  };
}

function standingsOf({ rotator, proxies, credentialOf }: RotationDeps): readonly ProxyStanding[] {
  const { record } = rotator.roots();
  // Names are in listeners and routes too; roots and certificates in secrets alone.
  const needsWhole = record.phase !== "steady" && record.from.trustDomain !== record.to.trustDomain;
  return (
    proxies()
      // A pod that has not started holds nothing, and starts with what is in force by then.
      .filter(({ connected, started }) => connected || started)
      .map(({ uuid, namespace, pod, connected, accepted }) => {
        const credential = connected ? credentialOf(uuid) : undefined;
        return {
          uuid,
          namespace,
          pod,
          connected,
          ...(accepted && (accepted.whole || !needsWhole) ? { accepted } : {}),
          ...(credential === undefined ? {} : { credential }),
        };
      })
  );
}
