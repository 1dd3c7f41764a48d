import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { finding } from "../../core/base/finding.ts";
import { type ObjectRef, refText } from "../../core/base/ref.ts";
import type { Parsed } from "../../core/model/kind.ts";
import { FileSource, reportText } from "./file-source.ts";

/** Keeps what a source told, as the engine would. */
class Objects {
  readonly texts = new Map<string, string>();
  applied = 0;
  isSynced = false;

  apply(raw: unknown): readonly [] {
    const { kind, metadata, spec } = raw as {
      kind: string;
      metadata: { name: string; namespace?: string };
      spec?: unknown;
    };
    this.texts.set(
      refText({ kind, namespace: metadata.namespace ?? "", name: metadata.name }),
      JSON.stringify(spec ?? null),
    );
    this.applied++;
    return [];
  }

  remove(ref: ObjectRef): void {
    this.texts.delete(refText(ref));
  }

  synced(): void {
    this.isSynced = true;
  }
}

/** Refuses objects whose `spec.bad` is there, as a kind's schema would. */
function parse(raw: unknown): Parsed<unknown> {
  const { kind, metadata, spec } = raw as { kind: string; metadata: { name: string }; spec?: { bad?: unknown } };
  if (spec?.bad === undefined) return { ok: true, value: raw, findings: [] };
  const about = { kind, namespace: "n", name: metadata.name };
  return { ok: false, findings: [finding("object-invalid", about, "spec.bad", "must not be there")] };
}

function service(name: string, spec = "{}"): string {
  return `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\n  namespace: n\nspec: ${spec}\n`;
}

async function until(what: string, condition: () => boolean, within = 1000): Promise<void> {
  const end = Date.now() + within;
  while (!condition()) {
    assert.ok(Date.now() < end, `within ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("FileSource", () => {
  let dir = "";
  let objects = new Objects();
  let source: FileSource;

  const write = (file: string, text: string): void => writeFileSync(join(dir, file), text);
  const names = (): readonly string[] => [...objects.texts.keys()].sort();
  const reports = (): readonly string[] => source.reports().map(reportText);

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "osm-files-"));
    objects = new Objects();
    source = new FileSource({ dir, depth: "tree", parse });
  });
  afterEach(async () => {
    await source.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("tells all objects of all files, then that it is synced", async () => {
    mkdirSync(join(dir, "sub"));
    write("a.yaml", `${service("one")}---\n${service("two")}`);
    write("sub/b.json", JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } }));
    write("ignored.txt", "not: a manifest");
    await source.start(objects);
    assert.deepEqual(names(), ["Namespace n", "Service n/one", "Service n/two"]);
    assert.equal(objects.isSynced, true);
    assert.deepEqual(reports(), []);
  });

  it("applies an edit within a second, and only the object that changed", async () => {
    write("a.yaml", `${service("one")}---\n${service("two")}`);
    await source.start(objects);
    write("a.yaml", `${service("one")}---\n${service("two", "{x: 1}")}`);
    await until("two changed", () => objects.texts.get("Service n/two") === '{"x":1}');
    assert.equal(objects.applied, 3);
  });

  it("keeps the last good state of a file with broken YAML, and names file and line", async () => {
    write("a.yaml", service("one"));
    write("b.yaml", service("two"));
    await source.start(objects);
    write("a.yaml", `${service("three")}bad: [1,\nx: y: z\n`);
    write("b.yaml", service("four"));
    await until("b.yaml applies although a.yaml is broken", () => objects.texts.has("Service n/four"));
    await until("a report", () => reports().length === 1);
    assert.deepEqual(names(), ["Service n/four", "Service n/one"]);
    assert.match(reports()[0] ?? "", /^a\.yaml:\d+: .+/);
    write("a.yaml", service("three"));
    await until("the repaired file applies", () => objects.texts.has("Service n/three"));
    assert.deepEqual(names(), ["Service n/four", "Service n/three"]);
    assert.deepEqual(reports(), []);
  });

  it("keeps the whole file at its last good state when one object of it does not parse", async () => {
    write("a.yaml", `${service("one")}---\n${service("two")}`);
    await source.start(objects);
    write("a.yaml", `${service("one", "{x: 1}")}---\n${service("two", "\n  ok: 1\n  bad: 2")}`);
    await until("a report", () => reports().length === 1);
    assert.deepEqual([...objects.texts.values()], ["{}", "{}"]);
    assert.deepEqual(reports(), ["a.yaml:15: spec.bad: must not be there"]);
  });

  it("takes the good objects of a file that was broken from the start", async () => {
    write("a.yaml", `${service("one")}---\n${service("two", "{bad: 1}")}`);
    await source.start(objects);
    assert.deepEqual(names(), ["Service n/one"]);
    assert.equal(reports().length, 1);
  });

  it("removes the objects of a file that was deleted, and follows a rename", async () => {
    write("a.yaml", service("one"));
    write("b.yaml", service("two"));
    await source.start(objects);
    rmSync(join(dir, "a.yaml"));
    renameSync(join(dir, "b.yaml"), join(dir, "c.yaml"));
    await until("one is gone", () => !objects.texts.has("Service n/one"));
    assert.deepEqual(names(), ["Service n/two"]);
    assert.equal(objects.applied, 2, "an object that moved to another file did not change");
  });

  it("sees folders that appear later, and files written by rename", async () => {
    await source.start(objects);
    mkdirSync(join(dir, "new/deeper"), { recursive: true });
    write("new/deeper/x.yaml", service("deep"));
    write("y.yaml.tmp", service("renamed"));
    renameSync(join(dir, "y.yaml.tmp"), join(dir, "y.yaml"));
    await until("both", () => names().join() === "Service n/deep,Service n/renamed");
  });

  it("leaves folders below alone unless it is told to take them", async () => {
    mkdirSync(join(dir, "below"));
    write("below/x.yaml", service("deep"));
    write("y.yaml", service("shallow"));
    source = new FileSource({ dir, depth: "folder", parse });
    await source.start(objects);
    assert.deepEqual(names(), ["Service n/shallow"]);
  });

  it("does not take a truncated file for an empty one while it is being written", async () => {
    write("a.yaml", service("one"));
    await source.start(objects);
    for (let i = 0; i < 6; i++) {
      write("a.yaml", "");
      await new Promise((resolve) => setTimeout(resolve, 20));
      write("a.yaml", service("one"));
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(names(), ["Service n/one"]);
    }
  });

  it("reports the same object in two files, and the first by path wins until it goes", async () => {
    write("b.yaml", service("one", "{from: b}"));
    write("a.yaml", service("one", "{from: a}"));
    await source.start(objects);
    assert.equal(objects.texts.get("Service n/one"), '{"from":"a"}');
    assert.deepEqual(reports(), ["b.yaml:1: Service n/one is already in a.yaml:1, which wins: remove one of the two"]);
    rmSync(join(dir, "a.yaml"));
    await until("b takes over", () => objects.texts.get("Service n/one") === '{"from":"b"}');
    assert.deepEqual(reports(), []);
  });

  it("keeps everything when the directory itself is away", async () => {
    write("a.yaml", service("one"));
    await source.start(objects);
    renameSync(dir, `${dir}.away`);
    await until("a report", () => reports().length === 1);
    assert.deepEqual(names(), ["Service n/one"]);
    renameSync(`${dir}.away`, dir);
    await until("the report goes", () => reports().length === 0);
    assert.deepEqual(names(), ["Service n/one"]);
  });

  it("refuses to start on a directory that is not there", async () => {
    await assert.rejects(
      new FileSource({ dir: join(dir, "none"), depth: "folder", parse }).start(objects),
      /none does not exist/,
    );
  });
});
