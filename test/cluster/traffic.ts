/**
 * What the tests of traffic in a cluster share: the answers that policy gives, each seen several times in a row.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { HttpResult } from "../../src/demo/tasks/http-task.ts";
import { httpRoutes, type Manifest, type Namespaced, trafficTarget } from "../support/workloads.ts";
import { eventually, perform } from "./mesh.ts";

/** As OSM's own suite: one answer may be luck, five in a row are the policy. */
export const IN_A_ROW = 5;
/** Seconds that a change of policy may take to show, on a machine that is busy. */
export const SOON = 60;

/** How a mesh says no, as a client sees it. */
export const REFUSED = "ECONNREFUSED";
export const RESET = "ECONNRESET";

/** The status, or the error code where nothing answered. */
export function answerOf({ status, error }: HttpResult): string {
  return error ?? String(status);
}

/** Sends `count` requests, each on a connection of its own; all answers must be `expected`. */
export async function expectAnswers(
  pod: string,
  url: string,
  expected: string,
  count = IN_A_ROW,
): Promise<readonly HttpResult[]> {
  const results = await perform(pod, { kind: "http", url, count, fresh: true });
  assert.deepEqual(
    results.map(answerOf),
    Array.from({ length: count }, () => expected),
    `${pod} to ${url}`,
  );
  return results;
}

/** The same, once the policy has taken effect. */
export async function settlesAt(pod: string, url: string, expected: string): Promise<readonly HttpResult[]> {
  return await eventually(`${pod} to ${url} gives ${expected}`, SOON, () => expectAnswers(pod, url, expected));
}

/** The `Identity` headers of the answers, each once, sorted. */
export function identitiesOf(results: readonly HttpResult[]): readonly string[] {
  return [...new Set(results.map(({ headers }) => headers["identity"] ?? ""))].sort();
}

/** All paths and methods of the service account `to`, for `from`: the routes and the TrafficTarget. */
export function allowHttp(ns: string, to: string, from: readonly Namespaced[]): readonly Manifest[] {
  const routes = { namespace: ns, name: `${to}-routes` };
  const rules = [{ kind: "HTTPRouteGroup", name: routes.name, matches: ["all"] }];
  return [
    httpRoutes(routes, [{ name: "all", pathRegex: ".*", methods: ["*"] }]),
    trafficTarget({ namespace: ns, name: to, to, from, rules }),
  ];
}
