import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SYSTEM_CLOCK } from "./clock.ts";

describe("SYSTEM_CLOCK", () => {
  it("runs once when the instant comes, at once if it has passed, and not when cancelled", async () => {
    const runs: string[] = [];
    const began = SYSTEM_CLOCK.now();
    const done = new Promise<void>((resolve) => {
      SYSTEM_CLOCK.schedule(began + 40, () => {
        runs.push("later");
        resolve();
      });
    });
    SYSTEM_CLOCK.schedule(began - 1000, () => runs.push("passed"));
    SYSTEM_CLOCK.schedule(began + 10, () => runs.push("cancelled"))();
    await done;
    assert.deepEqual(runs, ["passed", "later"]);
    assert.ok(SYSTEM_CLOCK.now() - began >= 38);
  });
});
