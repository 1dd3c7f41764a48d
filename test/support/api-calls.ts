/**
 * The API of a sample mesh, as clients call it.
 *
 * @module
 */
import assert from "node:assert/strict";
import * as v from "valibot";
import { Redacted } from "../../src/core/base/redacted.ts";
import type { AuditRecord } from "../../src/http/api/action.ts";
import { apiParts, apiRoutes } from "../../src/http/api/api.ts";
import type { MeshView } from "../../src/http/api/mesh-view.ts";
import { Problem } from "../../src/http/problem.ts";
import { sampleMesh, WEB_UUID } from "../../src/http/testing/sample-mesh.ts";
import { tokenAuthorizer } from "../../src/http/token-authorizer.ts";

export const TOKEN = "t0ken";
export const HEADERS = { host: "localhost:9092", authorization: `Bearer ${TOKEN}` };

export const apiEndpoints = (mesh: MeshView) => apiParts(mesh).endpoints;
export const pathOf = (path: string) =>
  path.replace("{uuid}", WEB_UUID).replace("{namespace}/{serviceaccount}", "shop/web");

export function appOf(
  mesh: MeshView = sampleMesh(),
  onError: (error: Error) => void = (error) => assert.fail(error),
  onAction: (record: AuditRecord) => void = () => {},
) {
  const authorizer = tokenAuthorizer(new Redacted(TOKEN), "tester");
  return apiRoutes({ mesh, authorizer, hosts: ["osm-controller.osm-system.svc"], onError, onAction });
}

export const get = async (path: string, headers: Readonly<Record<string, string>> = {}, method = "GET") =>
  await appOf().request(path, { method, headers: { ...HEADERS, ...headers } });

/** @returns the problem, once it is one. */
export async function problemOf(response: Response): Promise<Problem> {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const body: unknown = await response.json();
  const parsed = v.parse(Problem, body);
  assert.deepEqual(parsed, body);
  assert.equal(parsed.status, response.status);
  return parsed;
}
