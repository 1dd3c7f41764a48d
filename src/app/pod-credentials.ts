/**
 * Credentials of the pods of a mesh on one machine, under the root that the rotation's record names at the time.
 *
 * The control plane may be another process: what it writes is looked for.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { PodCredentials } from "../local/cluster/ports.ts";
import { RotatingAuthority } from "../rotation/authority.ts";
import type { OpenRoots } from "../rotation/roots.ts";
import { openRotation } from "./rotation-files.ts";

/** Of a pod's credential for the control plane; longer than any `osm local` runs. */
const PROXY_LIFE: Millis = 87_600 * 3_600_000;
const LOOK_EVERY: Millis = 200;
/** A root that was dropped stays in pods' files for this long: the xDS server may still show its certificate. */
const LINGER: Millis = 10_000;

export async function openPodCredentials(folder: string, trustDomain: string): Promise<PodCredentials> {
  const rotator = await openRotation(folder, trustDomain);
  const listeners = new Set<() => void>();
  /** What pods' files are made from. */
  let shown = rotator.roots();
  const authority = new RotatingAuthority(() => shown);

  async function look(): Promise<void> {
    // A record that cannot be read or acted on leaves the one before it in force.
    await rotator.refresh().catch(() => undefined);
    const roots = rotator.roots();
    if (roots.record.phase === "steady" && Date.now() - roots.record.since < LINGER) return;
    const news = revisionOf(roots) !== revisionOf(shown);
    shown = roots;
    if (news) for (const listener of listeners) listener();
  }

  const timer = setInterval(() => void look(), LOOK_EVERY);
  return {
    async issue(identity) {
      const roots = shown;
      const { chain, key } = await authority.issue({ kind: "proxy", identity }, PROXY_LIFE);
      return {
        chain,
        key,
        root: roots.trust,
        trustDomain: roots.plan.signing.trustDomain,
        revision: revisionOf(roots),
      };
    },
    revision: () => revisionOf(shown),
    onChange: (listener) => void listeners.add(listener),
    stop: () => clearInterval(timer),
  };
}

function revisionOf({ signing, trusted }: OpenRoots): string {
  return [signing.issuerId, signing.trustDomain, ...trusted.map(({ name }) => name)].join(" ");
}
