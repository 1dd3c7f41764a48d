import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Interner, ListSharing, memoByObject, memoLast } from "./memo.ts";

describe("memoByObject", () => {
  it("computes once for an object, also if that gives undefined", () => {
    let calls = 0;
    const memo = memoByObject((_: object) => void calls++);
    const key = {};
    memo(key);
    memo(key);
    assert.equal(calls, 1);
    memo({});
    assert.equal(calls, 2);
  });
});

describe("memoLast", () => {
  it("keeps the last call alone, and compares by reference", () => {
    let calls = 0;
    const memo = memoLast((a: object, b: string) => ({ a, b, call: ++calls }));
    const key = {};
    assert.equal(memo(key, "x"), memo(key, "x"));
    assert.notEqual(memo({}, "x"), memo(key, "x"));
    assert.equal(calls, 3);
  });
});

describe("Interner", () => {
  it("gives equal values one frozen identity, for as long as somebody holds it", () => {
    const parts = new Interner();
    const one = parts.share({ name: "a", list: [1, { deep: true }] });
    for (let i = 0; i < 5; i++) parts.turn();
    assert.equal(parts.share({ name: "a", list: [1, { deep: true }] }), one);
    assert.notEqual(parts.share({ name: "b", list: [] }), one);
    assert.ok(Object.isFrozen(one.list[1]));
  });

  it("tells values of the same parts and different labels apart", () => {
    const parts = new Interner();
    const shared = [parts.share({ x: 1 }), parts.share({ x: 2 })];
    const build = (label: string, of = shared) => parts.shareParts(label, of, () => ({ label, of: [...of] }));
    const kept = build("a");
    assert.equal(build("a"), kept);
    assert.notEqual(build("b"), kept);
    assert.notEqual(build("a", [...shared].reverse()), kept);
    assert.notEqual(build("a", shared.slice(1)), kept);
  });

  it("survives more values than it looks at between two sweeps", () => {
    const parts = new Interner();
    const held = Array.from({ length: 3000 }, (_, i) => parts.share({ i }));
    for (let i = 0; i < 6000; i++) parts.share({ passing: i });
    parts.turn();
    held.forEach((one, i) => {
      assert.equal(parts.share({ i }), one);
    });
  });
});

describe("ListSharing", () => {
  it("knows lists by their items, not by the list", () => {
    const lists = new ListSharing();
    const [a, b] = [{}, {}];
    const first = lists.share("x", [a, b], () => ({}));
    assert.equal(
      lists.share("x", [a, b], () => ({})),
      first,
    );
    assert.notEqual(
      lists.share("x", [b, a], () => ({})),
      first,
    );
  });
});
