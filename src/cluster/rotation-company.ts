/**
 * How the replicas of a control plane rotate together: each tells which step it acts on and who accepted it, in one
 * ConfigMap under its own key; only the leader takes steps.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { isRecord, isWhole } from "../core/model/fields.ts";
import type { ReplicaReport } from "../rotation/gate.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";

export const REPORTS_CONFIG_MAP = "osm-root-rotation-replicas";
/** Between two looks at what others wrote. */
const WHILE_MOVING: Millis = 500;
const WHILE_STEADY: Millis = 2000;

export interface CompanyOptions {
  readonly client: Pick<KubernetesClient, "request">;
  readonly namespace: string;
  /** This replica's name. */
  readonly self: string;
  /** Names of all that live, this one too. */
  readonly replicas: () => readonly string[];
  /** Takes what others wrote into the record. */
  readonly refresh: () => Promise<void>;
  readonly isMoving: () => boolean;
  /** What this replica knows. It counts as a step behind for as long as its servers are. */
  readonly report: () => ReplicaReport;
  /** Does not jump. */
  readonly now: () => Millis;
}

export interface Company {
  /** The reports of all others that live. */
  others(): readonly ReplicaReport[];
  /** Rejects if the API server did not answer. Does nothing if it was done a moment ago. */
  exchange(): Promise<void>;
}

export function createCompany(options: CompanyOptions): Company {
  const { client, namespace, self, replicas, refresh, isMoving, now } = options;
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  const path = `${collection}/${REPORTS_CONFIG_MAP}`;
  let reports: ReadonlyMap<string, ReplicaReport> = new Map();
  let last = Number.NEGATIVE_INFINITY;
  let told = "";

  async function create(text: string): Promise<void> {
    const labels = { "app.kubernetes.io/name": "openservicemesh.io" };
    const metadata = { name: REPORTS_CONFIG_MAP, namespace, labels };
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { [self]: text } };
    await client.request({ method: "POST", path: collection, body });
  }

  async function tell(): Promise<void> {
    const { replica: _, ...rest } = options.report();
    const text = JSON.stringify(rest);
    if (text === told) return;
    // Those that are gone are forgotten by whoever writes next.
    const gone = [...reports.keys()].filter((name) => !replicas().includes(name)).map((name) => [name, null]);
    const data = { ...Object.fromEntries(gone), [self]: text };
    const patch = () => client.request({ method: "PATCH", path, body: { data } });
    await patch().catch(async (cause: unknown) => {
      if (!hasStatus(cause, 404)) throw cause;
      await create(text).catch(async (refused: unknown) => {
        if (!hasStatus(refused, 409)) throw refused;
        await patch(); // another replica made it in between
      });
    });
    told = text;
  }

  return {
    others: () =>
      replicas()
        .filter((name) => name !== self)
        .map((name) => reports.get(name) ?? { replica: name, step: -1, passed: [], pending: [] }),
    async exchange() {
      const wait = isMoving() ? WHILE_MOVING : WHILE_STEADY;
      if (now() - last < wait) return;
      await refresh();
      if (isMoving()) {
        await tell();
        reports = readReports(await client.request({ path }));
      }
      last = now();
    },
  };
}

/** What cannot be read counts as not said. */
function readReports(map: unknown): ReadonlyMap<string, ReplicaReport> {
  const data = isRecord(map) && isRecord(map["data"]) ? map["data"] : {};
  return new Map(
    Object.entries(data).flatMap(([replica, text]): [string, ReplicaReport][] => {
      const report = parseReport(replica, text);
      return report === undefined ? [] : [[replica, report]];
    }),
  );
}

function parseReport(replica: string, text: unknown): ReplicaReport | undefined {
  try {
    const said: unknown = JSON.parse(String(text));
    if (!isRecord(said) || !isWhole(said["step"])) return undefined;
    return { replica, step: said["step"], passed: textsOf(said["passed"]), pending: textsOf(said["pending"]) };
  } catch {
    return undefined;
  }
}

function textsOf(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((one): one is string => typeof one === "string") : [];
}
