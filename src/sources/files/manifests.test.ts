import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readManifests } from "./manifests.ts";

function refs(text: string): readonly string[] {
  return readManifests(text).objects.map(({ ref, line }) => `${line} ${ref.kind} ${ref.namespace}/${ref.name}`);
}

function problems(text: string): readonly string[] {
  return readManifests(text).problems.map(({ line, path, reason }) => `${line} ${path}: ${reason}`);
}

describe("readManifests", () => {
  it("reads documents and flattens lists, each object with its line", () => {
    const text = [
      "# comment",
      "apiVersion: v1",
      "kind: Namespace",
      "metadata: {name: n}",
      "---",
      "apiVersion: v1",
      "kind: List",
      "items:",
      "- apiVersion: v1",
      "  kind: Pod",
      "  metadata: {name: p, namespace: n}",
      "- apiVersion: v1",
      "  kind: PodList",
      "  items:",
      "  - {apiVersion: v1, kind: Pod, metadata: {name: q}}",
      "---",
      "---",
    ].join("\n");
    assert.deepEqual(refs(text), ["2 Namespace /n", "9 Pod n/p", "15 Pod default/q"]);
    assert.deepEqual(problems(text), []);
  });

  it("puts an object without a namespace into default, in the object too", () => {
    const [object] = readManifests("apiVersion: v1\nkind: Service\nmetadata: {name: s}").objects;
    assert.deepEqual(object?.raw["metadata"], { name: "s", namespace: "default" });
  });

  it("finds the line of a field, or of what is above it", () => {
    const text =
      "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels:\n    a.b/c: x\nspec:\n  containers:\n  - name: a\n  - name: b\n";
    const [object] = readManifests(text).objects;
    assert.equal(object?.lineOf("spec.containers[1].name"), 10);
    assert.equal(object?.lineOf("spec.containers[1].image"), 10);
    assert.equal(object?.lineOf('metadata.labels["a.b/c"]'), 6);
    assert.equal(object?.lineOf("status"), 1);
  });

  it("says what is wrong and where", () => {
    assert.match(problems("a: 1\nb: [\n")[0] ?? "", /^\d : .+/);
    assert.deepEqual(problems("kind: Pod"), ["1 : no apiVersion"]);
    assert.deepEqual(problems("\n- a\n"), ["2 : a Kubernetes object is a map, this is a list"]);
    assert.deepEqual(problems("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {}\n"), [
      "6 items[0].metadata.name: a Pod without a name",
    ]);
  });

  it("survives aliases that multiply without end", () => {
    const lines = ["a: &a [x,x,x,x,x,x,x,x,x]"];
    for (const [one, before] of ["ba", "cb", "dc", "ed", "fe"].map((pair) => [...pair])) {
      lines.push(`${one}: &${one} [${Array(9).fill(`*${before}`).join(",")}]`);
    }
    assert.match(problems(lines.join("\n"))[0] ?? "", /alias/i);
  });

  it("reads an empty file as no objects", () => {
    assert.deepEqual(readManifests(""), { objects: [], problems: [] });
    assert.deepEqual(refs("# only a comment\n"), []);
  });
});
