import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Interner, ListSharing, memoByObject, memoByParts, memoLast } from "./memo.ts";

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

describe("memoByParts", () => {
  it("makes anew what has other parts, fewer parts or another order of them", () => {
    const [key, a, b] = [{}, {}, {}];
    const memo = memoByParts<object, string>();
    const made: string[] = [];
    const make = (text: string) => () => {
      made.push(text);
      return text;
    };
    assert.equal(memo(key, [a, b], make("first")), "first");
    assert.equal(memo(key, [a, b], make("again")), "first");
    assert.equal(memo(key, [a], make("less")), "less");
    assert.equal(memo(key, [a, b], make("the last alone is kept")), "the last alone is kept");
    assert.equal(memo(key, [b, a], make("order")), "order");
    assert.equal(memo(key, [b, {}], make("equal is not the same")), "equal is not the same");
    assert.deepEqual(made, ["first", "less", "the last alone is kept", "order", "equal is not the same"]);
  });

  it("gives what there was to the one who makes, of that object alone", () => {
    const memo = memoByParts<object, readonly string[]>();
    const key = {};
    const more = (last: readonly string[] = []) => [...last, "x"];
    memo(key, [1], more);
    memo({}, [1], more);
    assert.deepEqual(memo(key, [2], more), ["x", "x"]);
    assert.deepEqual(memo({}, [2], more), ["x"]);
  });

  it("keeps what is made of no parts, and a value that is undefined", () => {
    const memo = memoByParts<object, undefined>();
    const key = {};
    let calls = 0;
    memo(key, [], () => void calls++);
    memo(key, [], () => void calls++);
    assert.equal(calls, 1);
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
