/**
 * The HTTP API on port 9092: reads of the mesh, and a few levers, for whoever shows a token that may.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import * as v from "valibot";
import type { Millis } from "../../core/base/millis.ts";
import { isRecord } from "../../core/model/fields.ts";
import { issueMessage, issuePath, pathText } from "../../core/model/issues.ts";
import { type Authorizer, requireToken, userOf } from "../authorization.ts";
import { readJson } from "../body.ts";
import { answerProblems, problem } from "../problem.ts";
import { sameOrigin } from "../same-origin.ts";
import type { Action, ActionResult, AuditRecord } from "./action.ts";
import { certificateEndpoints } from "./certificates.ts";
import type { Endpoint } from "./endpoint.ts";
import { findingsEndpoint } from "./findings.ts";
import type { MeshView } from "./mesh-view.ts";
import { type ApiParts, openApiDocument, PEM_TYPE } from "./openapi.ts";
import { proxyEndpoints } from "./proxies.ts";
import { rotationEndpoint } from "./rotation.ts";
import { rotationActions } from "./rotation-levers.ts";
import { statusEndpoint } from "./status.ts";
import { trustBundleEndpoint } from "./trust-bundle.ts";

export interface ApiDeps {
  readonly mesh: MeshView;
  readonly authorizer: Authorizer;
  /** Names that the API is called by, without port, besides `localhost` and addresses. */
  readonly hosts: readonly string[];
  /** Told of what a handler threw. */
  readonly onError: (error: Error) => void;
  /** Told of every action that somebody was allowed to take: the audit log. */
  readonly onAction: (record: AuditRecord) => void;
}

const JSON_TYPE = "application/json";
const ALLOW = "GET, HEAD";
const MAX_ACTION_BYTES = 64 * 1024;
const BODY_TIMEOUT: Millis = 10_000;

/** All endpoints and actions, in the order of the document. */
export function apiParts(mesh: MeshView): ApiParts {
  const endpoints = [
    statusEndpoint(mesh),
    ...proxyEndpoints(mesh),
    ...certificateEndpoints(mesh),
    trustBundleEndpoint(mesh),
    rotationEndpoint(() => mesh.rotation.state()),
    findingsEndpoint(mesh),
  ];
  return { endpoints, actions: rotationActions(mesh.rotation) };
}

/** Everything on this port needs a token, also what is not there: nobody learns anything without one. */
export function apiRoutes({ mesh, authorizer, hosts, onError, onAction }: ApiDeps): Hono {
  const parts = apiParts(mesh);
  const document = openApiDocument(parts, mesh.version.version);
  const app = new Hono();
  answerProblems(app, onError);
  app.use(harden, sameOrigin(hosts), requireToken(authorizer));
  for (const endpoint of parts.endpoints) serve(app, endpoint);
  for (const action of parts.actions) serveAction(app, action, onAction);
  serve(app, { path: "/openapi.json", read: () => document });
  return app;
}

function serve(app: Hono, { path, read, pem, absent }: Pick<Endpoint, "path" | "read" | "pem" | "absent">): void {
  const pattern = path.replaceAll(/\{(\w+)\}/g, ":$1");
  const offered = pem === undefined ? [JSON_TYPE] : [JSON_TYPE, PEM_TYPE];
  app.get(pattern, async (c) => {
    const type = preferred(c, offered);
    if (type === undefined)
      return problem(406, `the answer is ${offered.join(" or ")}, which the Accept header does not allow`);
    const answer = type === PEM_TYPE ? await pem?.(c.req.param()) : await read(c.req.param());
    if (answer === undefined) return problem(404, absent?.(c.req.param()) ?? `there is nothing at ${c.req.path}`);
    const body = type === PEM_TYPE ? String(answer) : JSON.stringify(answer);
    return new Response(body, { headers: { "content-type": type } });
  });
  app.all(pattern, (c) => problem(405, `${c.req.method} is not for ${c.req.path}: use ${ALLOW}`, { allow: ALLOW }));
}

function serveAction(app: Hono, action: Action, tell: ApiDeps["onAction"]): void {
  const { path } = action;
  app.post(path, async (c) => {
    if (preferred(c, [JSON_TYPE]) === undefined)
      return problem(406, `the answer is ${JSON_TYPE}, which the Accept header does not allow`);
    const body = await readBody(c);
    if (!body.ok) return problem(body.status, body.reason);
    // A list would pass for an object without fields.
    if (!isRecord(body.value)) return problem(400, "the body must be a JSON object");
    const parsed = v.safeParse(action.body, body.value);
    if (!parsed.success) return problem(400, `in the body, ${issueText(parsed.issues[0])}`);
    const result = await runAudited(action, { user: userOf(c), body: parsed.output }, tell);
    if (!result.ok) return problem(409, result.reason);
    return new Response(JSON.stringify(result.answer), { headers: { "content-type": JSON_TYPE } });
  });
  app.all(path, (c) => problem(405, `${c.req.method} is not for ${c.req.path}: use POST`, { allow: "POST" }));
}

/** Runs the action and says so, whatever comes of it. */
async function runAudited(
  { id, path, run }: Action,
  { user, body }: { readonly user: string; readonly body: unknown },
  tell: ApiDeps["onAction"],
): Promise<ActionResult<unknown>> {
  const record = { user, action: id, path, body };
  try {
    const result = await run(body);
    tell(result.ok ? { ...record, outcome: "done" } : { ...record, outcome: "refused", reason: result.reason });
    return result;
  } catch (error) {
    tell({ ...record, outcome: "failed", reason: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

/** No body at all stands for `{}`. */
async function readBody(c: Context): ReturnType<typeof readJson> {
  if (c.req.raw.body === null || c.req.header("content-length") === "0") return { ok: true, value: {} };
  return readJson(c.req.raw, { maxBytes: MAX_ACTION_BYTES, signal: AbortSignal.timeout(BODY_TIMEOUT) });
}

function issueText(issue: v.BaseIssue<unknown>): string {
  const path = pathText(issuePath(issue));
  if (issue.type === "strict_object") return `${path} ${issue.expected === "never" ? "is no field" : "is required"}`;
  return `${path} ${issue.type === "partial_check" ? issue.message : issueMessage(issue)}`;
}

/** Of the types that are offered, the one that is wanted most; the first if nothing is said. */
function preferred(c: Context, offered: readonly string[]): string | undefined {
  if ((c.req.header("accept") ?? "") === "") return offered[0];
  const qualities = offered.map((type) => ({ type, q: qualityOf(c, type) }));
  // Stable: of two that are wanted alike, the first that is offered.
  return qualities.filter(({ q }) => q > 0).sort((a, b) => b.q - a.q)[0]?.type;
}

/** The most exact of the ranges that cover the type decides (RFC 9110, 12.5.1). */
function qualityOf(c: Context, type: string): number {
  const covering = [type, `${type.split("/")[0]}/*`, "*/*"];
  let quality = 0;
  accepts(c, {
    header: "Accept",
    supports: covering,
    default: "",
    match(ranges, { supports }) {
      quality = supports.flatMap((one) => ranges.find((range) => range.type.toLowerCase() === one)?.q ?? [])[0] ?? 0;
      return "";
    },
  });
  return quality;
}

/** Answers tell of the mesh's inside: nothing keeps them, shows them in a frame, or guesses their type. */
async function harden(c: Context, next: () => Promise<void>): Promise<void> {
  await next();
  c.res.headers.set("cache-control", "no-store");
  c.res.headers.set("x-content-type-options", "nosniff");
  c.res.headers.set("cross-origin-resource-policy", "same-origin");
  c.res.headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
}
