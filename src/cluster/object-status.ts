/**
 * Tells in objects' own `status` what became of them: `committed`, or `error` with the reason (dataplane spec 2.15).
 *
 * OSM wrote it while it made each proxy's configuration, so on every push. Here one replica looks now and then, and
 * writes what differs.
 *
 * @module
 */
import { type Finding, severityOf } from "../core/base/finding.ts";
import { keyOf, type ObjectRef, refText } from "../core/base/ref.ts";
import { IngressBackend } from "../core/model/ingress-backend.ts";
import { MONITORED_BY } from "../core/model/namespace.ts";
import type { Snapshot } from "../core/model/snapshot.ts";
import { Telemetry } from "../core/model/telemetry.ts";
import { UpstreamTrafficSetting } from "../core/model/upstream-traffic-setting.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";

/** The kinds that have such a status. */
const KINDS = { IngressBackend, Telemetry, UpstreamTrafficSetting } as const;
type StatusKind = keyof typeof KINDS;

const STATUS_KINDS: readonly StatusKind[] = ["IngressBackend", "Telemetry", "UpstreamTrafficSetting"];

const COMMITTED = { currentStatus: "committed", reason: "successfully committed by the system" } as const;
/** A reason is for people: the whole list is in `osm` and its API. */
const LONGEST_REASON = 1024;

export interface StatusText {
  readonly currentStatus: string;
  readonly reason: string;
}

export interface WantedStatus {
  readonly about: ObjectRef & { readonly kind: StatusKind };
  /** What was last read; undefined: the object was never accepted, so nothing of it was. */
  readonly known: StatusText | undefined;
  readonly wanted: StatusText;
}

/** Of all objects of the mesh's namespaces that have a status, also of those that were refused. */
export function statusesOf(
  { objects }: Snapshot,
  findings: readonly Finding[],
  meshName: string,
): readonly WantedStatus[] {
  const errors = Map.groupBy(
    findings.filter((one) => severityOf(one) === "error"),
    ({ about }) => refText(about),
  );
  const isMember = (name: string) => objects.Namespace.get(`/${name}`)?.meta.labels[MONITORED_BY] === meshName;
  return STATUS_KINDS.flatMap((kind): readonly WantedStatus[] => {
    const accepted = [...objects[kind].values()].map(({ meta, status }) => ({
      about: { kind, namespace: meta.namespace, name: meta.name },
      known: { currentStatus: status.currentStatus, reason: status.reason },
    }));
    const refused = [...errors.values()]
      .flatMap(([first]) => first ?? [])
      .filter(({ about }) => about.kind === kind && !objects[kind].has(keyOf(about)))
      .map(({ about }) => ({ about: { ...about, kind }, known: undefined }));
    return [...accepted, ...refused]
      .filter(({ about }) => isMember(about.namespace))
      .map((one) => ({ ...one, wanted: statusOf(errors.get(refText(one.about))?.[0]) }));
  });
}

function statusOf(error: Finding | undefined): StatusText {
  if (error === undefined) return COMMITTED;
  const where = error.path === "" ? "" : `${error.path}: `;
  return { currentStatus: "error", reason: `${where}${error.message}`.slice(0, LONGEST_REASON) };
}

export interface StatusWriter {
  /** Writes what differs. Rejects with the first error once all were tried. */
  write(all: readonly WantedStatus[]): Promise<void>;
}

interface Written {
  readonly known: string;
  readonly wanted: string;
}

export function createStatusWriter(client: Pick<KubernetesClient, "request">): StatusWriter {
  let last: ReadonlyMap<string, Written> = new Map();
  return {
    async write(all) {
      const next = new Map<string, Written>();
      const failures: unknown[] = [];
      for (const { about, known, wanted } of all) {
        const key = refText(about);
        const mark: Written = { known: textOf(known), wanted: textOf(wanted) };
        // What was written and not read back yet is not written again; of a refused object nothing is ever read back.
        if (mark.known !== mark.wanted && !sameMark(last.get(key), mark)) {
          const failure = await patch(client, about, wanted);
          if (failure !== undefined) {
            failures.push(failure);
            continue;
          }
        }
        next.set(key, mark);
      }
      last = next;
      if (failures.length > 0) throw failures[0];
    },
  };
}

function textOf(status: StatusText | undefined): string {
  return status === undefined ? "" : `${status.currentStatus}: ${status.reason}`;
}

function sameMark(a: Written | undefined, b: Written): boolean {
  return a !== undefined && a.known === b.known && a.wanted === b.wanted;
}

/** @returns The error, if it was not written although the object is there. */
async function patch(
  client: Pick<KubernetesClient, "request">,
  { kind, namespace, name }: WantedStatus["about"],
  { currentStatus, reason }: StatusText,
): Promise<unknown> {
  const { group, versions, plural } = KINDS[kind];
  const path = `/apis/${group}/${versions[0]}/namespaces/${namespace}/${plural}/${name}/status`;
  try {
    await client.request({ method: "PATCH", path, body: { status: { currentStatus, reason } } });
    return undefined;
  } catch (cause) {
    return hasStatus(cause, 404) ? undefined : cause;
  }
}
