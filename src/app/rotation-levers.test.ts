import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ProviderUnavailable } from "../ca/providers/unavailable.ts";
import { IssueRefused, RootRefused } from "../ca/refusal.ts";
import { leaveBehind, RotationRefused, steadyOn } from "../rotation/record.ts";
import { RecordConflict } from "../rotation/rotator.ts";
import type { Rotation } from "./rotation.ts";
import { type RootWays, rotationLevers } from "./rotation-levers.ts";

const record = steadyOn(
  { name: "first", source: { kind: "builtin", store: "first" }, trustDomain: "cluster.local", certificates: [] },
  7,
);

function levers(ways: Partial<RootWays> = {}) {
  const refuse = () => Promise.reject(new Error("not in this test"));
  const rotator = { finish: async () => leaveBehind(record) } as Rotation["rotator"];
  const progress: Rotation["progress"] = () => ({ record, proxies: 3, passed: 2, laggards: [], over: false });
  const rotation: Rotation = { rotator, progress, report: () => assert.fail(), stop: () => {} };
  return rotationLevers(rotation, { start: refuse, rollBack: refuse, forget: refuse, ...ways });
}

describe("levers", () => {
  it("answer with the state, or with what was deleted", async () => {
    const { start, forget } = levers({ start: async () => {}, forget: async (root) => [`Secret ${root}`] });
    const from = { name: "first", provider: "builtin", trustDomain: "cluster.local" };
    const state = { phase: "steady", step: 0, since: 7, from, proxies: 3, passed: 2, laggards: [] };
    assert.deepEqual(await start({}), { ok: true, state });
    assert.deepEqual(await forget("a"), { ok: true, state: ["Secret a"] });
  });

  it("give the reason of a refusal in its own words, and no other error's", async () => {
    const told = { provider: "Vault", kind: "sealed", detail: "it is sealed", wayOut: "unseal it" } as const;
    for (const [error, reason] of [
      [new RotationRefused("not now"), "not now"],
      [new RecordConflict("changed"), "changed"],
      [new ProviderUnavailable(told), "Vault: it is sealed; unseal it"],
      [new RootRefused({ kind: "unreadable", what: "ca.crt", detail: "ca.crt is empty" }), "ca.crt is empty"],
      [
        new IssueRefused({
          kind: "provider-refused",
          provider: "Vault",
          detail: "the role forbids it",
          wayOut: "allow it",
        }),
        "Vault: the role forbids it; allow it",
      ],
    ] as const)
      assert.deepEqual(await levers({ start: () => Promise.reject(error) }).start({}), { ok: false, reason });
    assert.deepEqual(await levers().finish(), {
      ok: false,
      reason: "no rotation is under way: there is nothing to finish",
    });
    await assert.rejects(levers().start({}), /not in this test/);
  });

  it("are pulled one at a time", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { start, rollBack, forget, finish } = levers({ start: () => promise, rollBack: async () => {} });
    const first = start({});
    for (const another of [start({}), rollBack(), forget("a"), finish()]) {
      const answer = await another;
      assert.ok(!answer.ok && /another change of the root is being asked for/.test(answer.reason));
    }
    resolve();
    assert.ok((await first).ok);
    assert.ok((await rollBack()).ok);
    // Also after one that failed.
    await assert.rejects(forget("a"));
    assert.ok((await rollBack()).ok);
  });
});
