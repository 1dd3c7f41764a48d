/**
 * What an Envoy in a test's mesh counts, and whether it has taken a change.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Wanted } from "./await-config.ts";
import type { TestMesh } from "./mesh.ts";
import { script } from "./script.ts";

/**
 * @param pod - `namespace/pod`, or `namespace/deployment`.
 * @param filter - A regular expression of Envoy's for the names.
 */
export async function statistics(mesh: TestMesh, pod: string, filter: string): Promise<ReadonlyMap<string, number>> {
  const { status, body } = await mesh.get(pod, `http://127.0.0.1:15000/stats?filter=${encodeURIComponent(filter)}`);
  assert.equal(status, 200, `statistics of ${pod}`);
  return new Map(
    body
      .split("\n")
      .map((line) => line.split(": "))
      .flatMap(([name = "", value = ""]) => (/^\d+$/.test(value) ? [[name, Number(value)] as const] : [])),
  );
}

/** One number; 0 where Envoy does not know it yet. */
export async function statistic(mesh: TestMesh, pod: string, name: string): Promise<number> {
  const found = await statistics(mesh, pod, `^${name.replaceAll(/[.|/\\]/g, "\\$&")}$`);
  return found.get(name) ?? 0;
}

let waits = 0;

/** Makes a change and waits until the pod's Envoy has taken all that it changes. */
export async function whenTaken(
  mesh: TestMesh,
  pod: string,
  parts: Wanted["parts"],
  change: () => Promise<void>,
): Promise<void> {
  const ready = join(tmpdir(), `${mesh.name}-ready-${++waits}`);
  const taken = mesh.exec(pod, ...script("await-config.ts", JSON.stringify({ parts, ready } satisfies Wanted)));
  await mesh.eventually(`somebody watches ${pod}`, 20_000, async () => assert.ok(existsSync(ready)));
  await change();
  const { code, stderr } = await taken;
  rmSync(ready);
  assert.equal(code, 0, stderr);
}
