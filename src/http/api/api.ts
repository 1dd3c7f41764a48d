/**
 * The HTTP API on port 9092: reads of the mesh, for whoever shows a token that may.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import { type Authorizer, requireToken } from "../authorization.ts";
import { answerProblems, problem } from "../problem.ts";
import { sameOrigin } from "../same-origin.ts";
import { certificatesEndpoint } from "./certificates.ts";
import type { Endpoint } from "./endpoint.ts";
import { findingsEndpoint } from "./findings.ts";
import type { MeshView } from "./mesh-view.ts";
import { openApiDocument } from "./openapi.ts";
import { proxyEndpoints } from "./proxies.ts";
import { statusEndpoint } from "./status.ts";

export interface ApiDeps {
  readonly mesh: MeshView;
  readonly authorizer: Authorizer;
  /** Names that the API is called by, without port, besides `localhost` and addresses. */
  readonly hosts: readonly string[];
  /** Told of what a handler threw. */
  readonly onError: (error: Error) => void;
}

const JSON_TYPE = "application/json";
const ALLOW = "GET, HEAD";

/** All endpoints, in the order of the document. */
export function apiEndpoints(mesh: MeshView): readonly Endpoint[] {
  return [statusEndpoint(mesh), ...proxyEndpoints(mesh), certificatesEndpoint(mesh), findingsEndpoint(mesh)];
}

/** Everything on this port needs a token, also what is not there: nobody learns anything without one. */
export function apiRoutes({ mesh, authorizer, hosts, onError }: ApiDeps): Hono {
  const endpoints = apiEndpoints(mesh);
  const document = openApiDocument(endpoints, mesh.version.version);
  const app = new Hono();
  answerProblems(app, onError);
  app.use(harden, sameOrigin(hosts), requireToken(authorizer));
  for (const { path, read } of endpoints) serve(app, path, read);
  serve(app, "/openapi.json", () => document);
  return app;
}

function serve(app: Hono, path: string, read: Endpoint["read"]): void {
  const pattern = path.replaceAll(/\{(\w+)\}/g, ":$1");
  app.get(pattern, async (c) => {
    if (!admitsJson(c)) return problem(406, `the answer is ${JSON_TYPE}, which the Accept header does not allow`);
    const answer = await read(c.req.param());
    if (answer === undefined) return problem(404, `there is nothing at ${c.req.path}`);
    return new Response(JSON.stringify(answer), { headers: { "content-type": JSON_TYPE } });
  });
  app.all(pattern, (c) => problem(405, `${c.req.method} is not for ${c.req.path}: use ${ALLOW}`, { allow: ALLOW }));
}

function admitsJson(c: Context): boolean {
  if ((c.req.header("accept") ?? "") === "") return true;
  const matched = accepts(c, {
    header: "Accept",
    supports: [JSON_TYPE, "application/*", "*/*"],
    default: "",
    // The most exact of the ranges that cover JSON decides (RFC 9110, 12.5.1).
    match: (ranges, { supports }) => {
      const range = supports.flatMap((type) => ranges.find((one) => one.type.toLowerCase() === type) ?? [])[0];
      return range !== undefined && range.q > 0 ? range.type : "";
    },
  });
  return matched !== "";
}

/** Answers tell of the mesh's inside: nothing keeps them, shows them in a frame, or guesses their type. */
async function harden(c: Context, next: () => Promise<void>): Promise<void> {
  await next();
  c.res.headers.set("cache-control", "no-store");
  c.res.headers.set("x-content-type-options", "nosniff");
  c.res.headers.set("cross-origin-resource-policy", "same-origin");
  c.res.headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
}
