/**
 * MeshRootCertificates of the mesh's namespace: what their roles ask is asked of the rotation, and what became of it is
 * in their status. Where the MeshConfig's feature flag is off they have no effect, as in OSM.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { compareText } from "../core/base/ref.ts";
import type { MeshRootCertificate } from "../core/model/mesh-root-certificate.ts";
import { type IntendedRoot, type Intent, intentOf, useOf } from "../rotation/intent.ts";
import type { RootRef, RotationRecord } from "../rotation/record.ts";
import type { Rotator } from "../rotation/rotator.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";
import type { Chore } from "./chores.ts";
import { checkPlace } from "./root-choice.ts";
import { ACCEPTED, rootObjectPath } from "./root-objects.ts";
import { sourceFrom } from "./root-providers.ts";

export interface MeshRootsOptions {
  readonly client: Pick<KubernetesClient, "request">;
  readonly namespace: string;
  readonly rotator: Pick<Rotator, "roots" | "change" | "complete">;
  /** Those of the mesh's namespace; undefined where the feature is off, or nothing was read yet. */
  readonly certificates: () => readonly MeshRootCertificate[] | undefined;
  /** Epoch milliseconds. */
  readonly now: () => Millis;
}

/** Asks the rotation for what the roles say, one change at a time, and writes statuses that differ. */
export function meshRoots({ client, namespace, rotator, certificates, now }: MeshRootsOptions): Chore {
  const written = new Map<string, string>();
  return {
    name: "mesh root certificates",
    async run() {
      const all = certificates();
      if (all === undefined) return;
      const trouble = await follow(all);
      const { record } = rotator.roots();
      for (const one of all) await tell(one, statusOf(one, record, trouble));
    },
  };

  /** @returns why the roles cannot be followed; "" if they are. */
  async function follow(all: readonly MeshRootCertificate[]): Promise<string> {
    const sorted = [...all].sort((a, b) => compareText(a.meta.name, b.meta.name));
    const roots = sorted.map((one): IntendedRoot => ({ ref: refOf(one), role: one.role }));
    const intent = intentOf(rotator.roots().record, roots, now());
    if (intent.kind !== "change") return intent.kind === "trouble" ? intent.message : "";
    try {
      for (const { provider } of all.filter(({ role }) => role !== "inactive")) checkPlace(provider, namespace);
      await change(intent);
      return "";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async function change({ opens, apply }: Extract<Intent, { kind: "change" }>): Promise<void> {
    // Opened first: a root that cannot sign is refused before anybody trusts it.
    const to = opens && (await rotator.complete(opens));
    await rotator.change((record) => apply(record, to));
  }

  async function tell({ meta }: MeshRootCertificate, status: object): Promise<void> {
    const text = JSON.stringify(status);
    if (written.get(meta.name) === text) return;
    const path = `${rootObjectPath(namespace, meta.name)}/status`;
    await client.request({ method: "PATCH", path, body: { status } }).catch((cause: unknown) => {
      if (!hasStatus(cause, 404)) throw cause; // it was deleted meanwhile
    });
    written.set(meta.name, text);
  }
}

export function refOf({ meta, provider, trustDomain }: MeshRootCertificate): RootRef {
  return { name: meta.name, source: sourceFrom(provider), trustDomain, certificates: [] };
}

/** OSM's names of state and conditions (platform spec 1.2), which OSM itself never wrote. */
function statusOf({ meta, role }: MeshRootCertificate, record: RotationRecord, trouble: string): object {
  const use = useOf(record, meta.name);
  const moving = record.phase !== "steady" && use !== "unused";
  const condition = (type: string, is: boolean, reason: string, message = "") => ({
    type,
    status: is ? "True" : "False",
    reason,
    message,
    observedGeneration: meta.generation,
  });
  const accepted = trouble === "" || role === "inactive";
  return {
    state: use,
    conditions: [
      condition("Ready", use !== "unused", use === "unused" ? "NotInUse" : "InUse"),
      condition(ACCEPTED, accepted, accepted ? "Accepted" : "CannotBeFollowed", accepted ? "" : trouble),
      condition("ValidatingRollout", moving && record.phase === "trusting", record.phase),
      condition("IssuingRollout", moving && record.phase === "issuing", record.phase),
      condition("IssuingRollback", moving && record.phase === "returning", record.phase),
    ],
  };
}
