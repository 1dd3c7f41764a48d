/**
 * `GET /api/v1/status`: the mesh at a glance.
 *
 * @module
 */
import * as v from "valibot";
import { type Finding, severityOf } from "../../core/base/finding.ts";
import { compareRefs, compareText, refText } from "../../core/base/ref.ts";
import type { ProxyState } from "../../engine/engine.ts";
import type { SourceState } from "../source-state.ts";
import { defineEndpoint, type Endpoint } from "./endpoint.ts";
import { Count, Timestamp, toTimestamp } from "./fields.ts";
import { ObjectRefAnswer } from "./findings.ts";
import type { MeshView } from "./mesh-view.ts";
import { Replicas, toReplicas } from "./replicas.ts";

const SourceAnswer = v.object({
  kind: v.string(),
  state: v.pipe(
    v.picklist(["listing", "watching", "absent", "away"]),
    v.description(
      "watching: current; away: may be out of date since `since`; absent: the cluster does not have the kind",
    ),
  ),
  synced: v.pipe(v.boolean(), v.description("All that there was has been read")),
  since: Timestamp,
  lastEventAt: v.optional(Timestamp),
  objects: Count,
  error: v.optional(v.string()),
});

const ObjectFindings = v.object({
  about: ObjectRefAnswer,
  errors: Count,
  warnings: Count,
  codes: v.array(v.string()),
});

const StatusAnswer = v.object({
  version: v.object({ version: v.string(), gitCommit: v.string(), buildDate: v.string(), runtime: v.string() }),
  mode: v.pipe(
    v.picklist(["permissive", "smi", "unknown"]),
    v.description("permissive: every pod of the mesh may call every other; smi: only what policies allow"),
  ),
  replicas: Replicas,
  sources: v.array(SourceAnswer),
  compiles: v.object({
    failures: Count,
    failing: v.pipe(v.boolean(), v.description("The last one failed, and the one before it stays in force")),
  }),
  proxies: v.object({
    known: v.pipe(Count, v.description("Pods of the mesh with a sidecar")),
    connected: Count,
    inSync: v.pipe(Count, v.description("Have accepted all that they should have")),
    rejecting: v.pipe(Count, v.description("Refused a part of it, and keep the last good one")),
  }),
  findings: v.object({ errors: Count, warnings: Count, objects: v.array(ObjectFindings) }),
});
type StatusAnswer = v.InferOutput<typeof StatusAnswer>;

export function statusEndpoint(mesh: MeshView): Endpoint {
  return defineEndpoint({
    path: "/api/v1/status",
    id: "getStatus",
    summary: "The mesh at a glance",
    description: "As the replica that answers sees it: proxies connected to another replica count as not connected.",
    schemaName: "Status",
    schema: StatusAnswer,
    read: () => ({
      version: toVersion(mesh.version),
      mode: mesh.mode(),
      replicas: toReplicas(mesh.replicas()),
      sources: [...mesh.sources()].sort((a, b) => compareText(a.kind, b.kind)).map(toSource),
      compiles: mesh.compiles(),
      proxies: countProxies(mesh.proxies()),
      findings: countFindings(mesh.findings()),
    }),
  });
}

function toVersion({ version, gitCommit, buildDate, runtime }: MeshView["version"]): StatusAnswer["version"] {
  return { version, gitCommit, buildDate, runtime };
}

function toSource({
  kind,
  state,
  since,
  lastEventAt,
  objects,
  error,
}: SourceState): v.InferOutput<typeof SourceAnswer> {
  return {
    kind,
    state,
    // What is away was read before, or it would still be listed.
    synced: state !== "listing",
    since: toTimestamp(since),
    ...(lastEventAt === undefined ? {} : { lastEventAt: toTimestamp(lastEventAt) }),
    objects,
    ...(error === undefined ? {} : { error }),
  };
}

function countProxies(proxies: readonly ProxyState[]): StatusAnswer["proxies"] {
  return {
    known: proxies.length,
    connected: proxies.filter(({ connected }) => connected).length,
    inSync: proxies.filter(({ inSync }) => inSync).length,
    rejecting: proxies.filter(({ rejections }) => rejections.length > 0).length,
  };
}

function countFindings(findings: readonly Finding[]): StatusAnswer["findings"] {
  const byObject = Map.groupBy(findings, ({ about }) => refText(about));
  const objects = [...byObject.values()].flatMap((group) => (group[0] ? [toObject(group[0], group)] : []));
  return { ...countSeverities(findings), objects: objects.sort((a, b) => compareRefs(a.about, b.about)) };
}

function toObject({ about }: Finding, group: readonly Finding[]): v.InferOutput<typeof ObjectFindings> {
  const { kind, namespace, name } = about;
  const codes = [...new Set(group.map(({ code }) => code))].sort(compareText);
  return { about: { kind, namespace, name }, ...countSeverities(group), codes };
}

function countSeverities(findings: readonly Finding[]): { readonly errors: number; readonly warnings: number } {
  const errors = findings.filter((one) => severityOf(one) === "error").length;
  return { errors, warnings: findings.length - errors };
}
