/**
 * The control API of a running mesh, served on a socket that only this user can open.
 *
 * @module
 */
import { Hono } from "hono";
import type { Finding } from "../../core/base/finding.ts";
import { findingText, severityOf } from "../../core/base/finding.ts";
import type { ObjectRef } from "../../core/base/ref.ts";
import { type ManifestObject, readManifests } from "../../sources/files/manifests.ts";
import type { ApplyOutcome, DeleteOutcome } from "./desired.ts";
import type { ExecPlan, PodTarget } from "./exec-plan.ts";
import type { TargetReading } from "./pod-target.ts";
import { parseManifest, type RawObject } from "./raw-object.ts";
import type { MeshStatus } from "./status.ts";

/** What the API asks of the running mesh. */
export interface MeshControl {
  status(): MeshStatus;
  apply(raw: RawObject): ApplyOutcome;
  delete(ref: ObjectRef): DeleteOutcome;
  exec(target: PodTarget): TargetReading<ExecPlan>;
  log(target: PodTarget): TargetReading<string>;
  /** Address of the pod, for requests from the machine. */
  address(target: string): TargetReading<string>;
  stop(): void;
}

/** One line for one object. */
export interface ObjectOutcome {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly outcome: ApplyOutcome | DeleteOutcome;
}

const BAD_REQUEST = 400;
const NOT_FOUND = 404;
const BAD_GATEWAY = 502;

export function controlApi(control: MeshControl): Hono {
  return new Hono()
    .get("/status", (c) => c.json(control.status()))
    .post("/apply", async (c) => {
      const { objects, problems } = readManifests(await c.req.text());
      const errors = [
        ...problems.map(({ line, path, reason }) => problemText(line, path, reason)),
        ...objects.flatMap(errorsOf),
      ];
      // All or nothing: half of a file applied is a state that nobody wrote.
      if (errors.length > 0) return c.json({ errors }, BAD_REQUEST);
      const warnings = objects.flatMap(({ raw }) => parseManifest(raw).findings.map(findingText));
      return c.json({
        warnings,
        objects: objects.map(({ ref, raw }): ObjectOutcome => ({ ...ref, outcome: control.apply(raw) })),
      });
    })
    .post("/delete", async (c) => {
      const { objects, problems } = readManifests(await c.req.text());
      const errors = problems.map(({ line, path, reason }) => problemText(line, path, reason));
      if (errors.length > 0) return c.json({ errors }, BAD_REQUEST);
      return c.json({
        warnings: [],
        objects: objects.map(({ ref }): ObjectOutcome => ({ ...ref, outcome: control.delete(ref) })),
      });
    })
    .get("/exec", (c) => {
      const found = control.exec({ target: c.req.query("pod") ?? "", container: c.req.query("container") });
      return found.ok ? c.json(found.value) : c.json({ errors: [found.reason] }, NOT_FOUND);
    })
    .get("/log", (c) => {
      const found = control.log({ target: c.req.query("pod") ?? "", container: c.req.query("container") });
      return found.ok ? c.json({ path: found.value }) : c.json({ errors: [found.reason] }, NOT_FOUND);
    })
    .get("/fetch", async (c) => {
      const found = control.address(c.req.query("pod") ?? "");
      if (!found.ok) return c.json({ errors: [found.reason] }, NOT_FOUND);
      const url = `http://${found.value}:${Number(c.req.query("port"))}${c.req.query("path") ?? "/"}`;
      try {
        const answer = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT) });
        const text = await answer.text();
        return answer.ok ? c.text(text) : c.json({ errors: [`${url} answered ${answer.status}`] }, BAD_GATEWAY);
      } catch (cause) {
        return c.json({ errors: [`${url}: ${cause instanceof Error ? cause.message : String(cause)}`] }, BAD_GATEWAY);
      }
    })
    .post("/stop", (c) => {
      control.stop();
      return c.json({});
    });
}

const FETCH_TIMEOUT = 5000;

function errorsOf({ raw, lineOf }: ManifestObject): readonly string[] {
  const parsed = parseManifest(raw);
  if (parsed.ok) return [];
  const text = (one: Finding): string => problemText(lineOf(one.path), one.path, one.message);
  return parsed.findings.filter((one) => severityOf(one) === "error").map(text);
}

function problemText(line: number, path: string, reason: string): string {
  return `line ${line}: ${path === "" ? "" : `${path}: `}${reason}`;
}
