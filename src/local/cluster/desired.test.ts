import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { DesiredObjects, type Overlays } from "./desired.ts";
import type { RawObject } from "./raw-object.ts";

function target(name: string, rules: string): RawObject {
  return { apiVersion: "v1", kind: "TrafficTarget", metadata: { name, namespace: "n" }, spec: { rules } };
}

const ref = (name: string) => ({ kind: "TrafficTarget", namespace: "n", name });

describe("DesiredObjects", () => {
  let saved: Overlays = { applied: [], hidden: [] };
  let changes = 0;

  beforeEach(() => {
    saved = { applied: [], hidden: [] };
    changes = 0;
  });

  function make(overlays: Overlays = saved): DesiredObjects {
    return new DesiredObjects({
      overlays,
      save: (value) => {
        saved = value;
      },
      onChange: () => {
        changes++;
      },
    });
  }

  const shown = (desired: DesiredObjects): string =>
    desired
      .list()
      .map(({ ref: { name }, raw }) => `${name}=${(raw["spec"] as { rules: string }).rules}`)
      .join(" ");

  it("lets what was applied win over the directory until it is deleted", () => {
    const desired = make();
    desired.directorySink().apply(target("a", "file"));
    assert.equal(desired.apply(target("a", "hand")), "configured");
    assert.equal(desired.apply(target("a", "hand")), "unchanged");
    desired.directorySink().apply(target("a", "edited"));
    assert.equal(shown(desired), "a=hand");
    assert.equal(desired.delete(ref("a")), "restored");
    assert.equal(shown(desired), "a=edited");
  });

  it("keeps an applied object although its file goes", () => {
    const desired = make();
    desired.directorySink().apply(target("a", "file"));
    desired.apply(target("a", "hand"));
    desired.directorySink().remove(ref("a"));
    assert.equal(shown(desired), "a=hand");
    assert.equal(desired.delete(ref("a")), "deleted");
    assert.equal(shown(desired), "");
  });

  it("hides a file's object that was deleted by hand until the file says something new", () => {
    const desired = make();
    desired.directorySink().apply(target("a", "file"));
    assert.equal(desired.delete(ref("a")), "deleted");
    assert.equal(desired.delete(ref("a")), "not found");
    assert.equal(shown(desired), "");
    desired.directorySink().apply(target("a", "edited"));
    assert.equal(shown(desired), "a=edited");
  });

  it("shows a hidden object that is applied by hand", () => {
    const desired = make();
    desired.directorySink().apply(target("a", "file"));
    desired.delete(ref("a"));
    assert.equal(desired.apply(target("a", "hand")), "created");
    assert.equal(shown(desired), "a=hand");
    assert.equal(desired.delete(ref("a")), "restored");
  });

  it("goes on after a crash where it was", () => {
    const first = make();
    first.directorySink().apply(target("a", "file"));
    first.apply(target("b", "hand"));
    first.delete(ref("a"));
    const second = make(saved);
    second.directorySink().apply(target("a", "file"));
    assert.equal(shown(second), "b=hand");
  });

  it("tells of every change", () => {
    const desired = make();
    desired.directorySink().apply(target("a", "file"));
    desired.apply(target("b", "hand"));
    desired.delete(ref("none"));
    desired.delete(ref("b"));
    assert.equal(changes, 3);
  });
});
