import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { FileSource } from "../../sources/files/file-source.ts";
import { controlApi, type MeshControl } from "./api.ts";
import { MeshDown, MeshRefused, meshClient } from "./api-client.ts";
import { directorySink } from "./external-control-plane.ts";
import { isRawObject, parseManifest, type RawObject, refOfRaw } from "./raw-object.ts";
import { serveOnSocket } from "./socket-server.ts";
import { makeStateDir, pathsIn, readOverlays, statePaths, writeOverlays } from "./state-dir.ts";

const dir = mkdtempSync(join(tmpdir(), "osm-doors-"));
after(() => rmSync(dir, { recursive: true, force: true }));

describe("the control API on its socket", () => {
  const paths = pathsIn(dir);
  const done: string[] = [];
  let close: () => Promise<void>;
  const nothing = { ok: false as const, reason: "no pod a/b; there are none" };
  const control: MeshControl = {
    status: () => ({
      directory: "/d",
      stateDir: dir,
      controlPlane: { mode: "embedded", restarts: 0, connected: 0 },
      pods: [],
      services: [],
      findings: [],
    }),
    apply: (raw) => {
      done.push(`apply ${refOfRaw(raw).name}`);
      return "created";
    },
    delete: ({ name }) => {
      done.push(`delete ${name}`);
      return "not found";
    },
    exec: ({ target, container }) =>
      target === "a/b" ? nothing : { ok: true, value: { pod: target, container: container ?? "app", pid: 5, env: {} } },
    log: () => ({ ok: true, value: "/log" }),
    address: () => nothing,
    stop: () => done.push("stop"),
  };
  const client = meshClient(paths);

  before(async () => {
    close = await serveOnSocket(paths.socket, (request) => controlApi(control).fetch(request));
  });
  after(() => close());

  it("is for this user alone", () => {
    assert.equal(statSync(paths.socket).mode & 0o777, 0o600);
  });

  it("answers what it was asked", async () => {
    assert.equal((await client.status()).directory, "/d");
    assert.deepEqual(await client.exec("x/y", "c"), { pod: "x/y", container: "c", pid: 5, env: {} });
    assert.equal(await client.logPath("x/y", undefined), "/log");
    await assert.rejects(
      client.exec("a/b", undefined),
      (error) => error instanceof MeshRefused && /there are none/.test(error.message),
    );
  });

  it("applies every object of a text, or none if one is wrong", async () => {
    done.length = 0;
    const good = "apiVersion: v1\nkind: Service\nmetadata: {name: one}\nspec: {ports: [{port: 80}]}\n";
    const outcome = await client.apply(`${good}---\n${good.replace("one", "two")}`);
    assert.deepEqual(
      outcome.objects.map(({ namespace, name }) => `${namespace}/${name}`),
      ["default/one", "default/two"],
    );
    assert.deepEqual(done, ["apply one", "apply two"]);
    done.length = 0;
    await assert.rejects(
      client.apply(`${good}---\n${good.replace("80", "99999")}`),
      /line 9: spec\.ports\[0\]\.port: /,
    );
    await assert.rejects(client.apply("a: [\n"), MeshRefused);
    assert.deepEqual(done, []);
    assert.equal((await client.delete(good)).objects[0]?.outcome, "not found");
  });

  it("refuses a body that is too large", async () => {
    await assert.rejects(client.apply("#".repeat(4 * 1024 * 1024)));
    assert.equal((await client.status()).directory, "/d", "and goes on");
  });

  it("tells a mesh that is down from one that says no", async () => {
    await assert.rejects(meshClient(pathsIn(join(dir, "none"))).status(), MeshDown);
  });
});

describe("directorySink", () => {
  it("writes objects that the file source reads back, cluster-scoped ones too", async () => {
    const folder = join(dir, "objects");
    const sink = directorySink(folder);
    const raws: RawObject[] = [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "shop" } },
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "web", namespace: "shop" },
        spec: { ports: [{ port: 80 }] },
      },
    ];
    for (const raw of raws) sink.apply(raw);
    sink.apply({ ...raws[1], metadata: { name: "gone", namespace: "shop" } });
    sink.remove({ kind: "ServiceAccount", namespace: "shop", name: "gone" });
    const read: unknown[] = [];
    const source = new FileSource({ dir: folder, depth: "tree", parse: parseManifest });
    await source.start({
      apply: (raw) => {
        read.push(raw);
        return [];
      },
      remove: () => undefined,
      synced: () => undefined,
    });
    await source.stop();
    assert.deepEqual(
      read
        .filter(isRawObject)
        .map((raw) => refOfRaw(raw).kind)
        .sort(),
      ["Namespace", "Service", "ServiceAccount"],
    );
    assert.deepEqual(readdirSync(join(folder, "service")), ["shop.web.json"]);
  });
});

describe("the state directory", () => {
  it("is below the user's runtime folder, by name", () => {
    const paths = statePaths("two", { XDG_RUNTIME_DIR: dir });
    assert.equal(paths.dir, join(dir, `osm-local-${process.getuid?.()}`, "two"));
    assert.throws(() => statePaths("../x", {}), /is no name for a mesh/);
    assert.throws(() => statePaths("", {}), /is no name for a mesh/);
  });

  it("is made for this user alone and keeps what was applied", () => {
    const paths = statePaths("three", { XDG_RUNTIME_DIR: dir });
    makeStateDir(paths);
    assert.equal(statSync(paths.dir).mode & 0o777, 0o700);
    assert.deepEqual(readOverlays(paths), { applied: [], hidden: [] });
    const overlays = { applied: [{ kind: "X" }], hidden: ["Y n/y"] };
    writeOverlays(paths, overlays);
    assert.deepEqual(readOverlays(paths), overlays);
    assert.equal(statSync(paths.overlays).mode & 0o777, 0o600);
  });
});
