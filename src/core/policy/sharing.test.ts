import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Sharing } from "./sharing.ts";

describe("Sharing.recall", () => {
  const [a, b] = [{}, {}];

  it("gives the last result while its inputs are the same objects, compile after compile", () => {
    const sharing = new Sharing();
    const first = sharing.recall("n", [a, b], () => ({}));
    for (let i = 0; i < 4; i++) {
      assert.equal(
        sharing.recall("n", [a, b], () => ({})),
        first,
      );
      sharing.turn();
    }
  });

  it("computes again for other inputs, another order, or another name", () => {
    const sharing = new Sharing();
    const first = sharing.recall("n", [a, b], () => ({}));
    for (const [name, inputs] of [
      ["n", [b, a]],
      ["n", [a]],
      ["m", [a, b]],
    ] as const) {
      assert.notEqual(
        sharing.recall(name, inputs, () => ({})),
        first,
      );
    }
  });

  it("forgets what a whole compile did not ask for", () => {
    const sharing = new Sharing();
    const first = sharing.recall("n", [a], () => ({}));
    sharing.turn();
    sharing.turn();
    assert.notEqual(
      sharing.recall("n", [a], () => ({})),
      first,
    );
  });
});
