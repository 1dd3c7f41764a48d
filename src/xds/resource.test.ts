import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { changedNames, select, selectionOf, unionOf } from "./changes.ts";
import { groupOf, kindOf, type Resource, resourceOf, TYPE_URLS } from "./resource.ts";

function resource(name: string, body: string): Resource {
  return resourceOf(name, new TextEncoder().encode(body));
}

const A1 = resource("a", "1");
const A2 = resource("a", "2");
const B1 = resource("b", "1");
const C1 = resource("c", "1");

describe("groupOf()", () => {
  it("gives the same version and order whatever order the resources come in", () => {
    const one = groupOf("cluster", [A1, B1]);
    const other = groupOf("cluster", [B1, A1]);
    assert.equal(one.version, other.version);
    assert.deepEqual([...other.byName.keys()], ["a", "b"]);
  });

  it("gives another version for another body, another name, or one less", () => {
    const versions = [[A1, B1], [A2, B1], [A1, C1], [A1], []].map((all) => groupOf("cluster", all).version);
    assert.equal(new Set(versions).size, versions.length);
  });

  it("does not confuse where a name ends", () => {
    const one = groupOf("cluster", [{ ...A1, name: "x", version: "yz" }]);
    const other = groupOf("cluster", [{ ...A1, name: "xy", version: "z" }]);
    assert.notEqual(one.version, other.version);
  });

  it("refuses two resources of one name", () => {
    assert.throws(() => groupOf("cluster", [A1, B1, A2]), /two cluster resources are named a/);
  });
});

describe("kindOf()", () => {
  it("reads each type URL and no other", () => {
    assert.equal(kindOf(TYPE_URLS.secret), "secret");
    assert.equal(kindOf("type.googleapis.com/envoy.api.v2.Cluster"), undefined);
  });
});

describe("changedNames()", () => {
  it("lists what was added, changed and removed", () => {
    const changed = changedNames(groupOf("cluster", [A1, B1]), groupOf("cluster", [A2, C1]));
    assert.deepEqual([...changed].sort(), ["a", "b", "c"]);
  });

  it("lists nothing between equal groups that are two objects", () => {
    assert.deepEqual(changedNames(groupOf("cluster", [A1]), groupOf("cluster", [A1])), []);
  });
});

describe("unionOf()", () => {
  it("adds what only the old group has, with the newer of what both have", () => {
    const union = unionOf(groupOf("cluster", [A1, B1]), groupOf("cluster", [A2, C1]));
    assert.deepEqual([...union.byName.values()], [A2, B1, C1]);
  });

  it("is the new group itself if nothing goes", () => {
    const next = groupOf("cluster", [A1, B1]);
    assert.equal(unionOf(groupOf("cluster", [A2]), next), next);
  });
});

describe("select()", () => {
  const group = groupOf("endpoints", [A1, B1, C1]);

  it("has a version of the selected names alone", () => {
    const some = selectionOf(false, ["c", "a", "ghost"]);
    const before = select(group, some);
    assert.deepEqual([...before.byName.keys()], ["a", "c"]);
    assert.equal(select(groupOf("endpoints", [A1, resource("b", "2"), C1]), some).version, before.version);
    assert.notEqual(select(groupOf("endpoints", [A2, B1, C1]), some).version, before.version);
  });

  it("is one value for all who ask for the same", () => {
    assert.equal(select(group, selectionOf(false, ["a", "b"])), select(group, selectionOf(false, ["b", "a", "a"])));
    assert.equal(select(group, selectionOf(true, [])), group);
  });
});
