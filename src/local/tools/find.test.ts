import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { cacheFolder, findProgram } from "./find.ts";

const folder = mkdtempSync(join(tmpdir(), "osm-find-"));
after(() => rmSync(folder, { recursive: true }));

function program(place: string, mode: number): string {
  const path = join(folder, place, "osm-test-program");
  mkdirSync(join(folder, place), { recursive: true });
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, mode);
  return path;
}

describe("findProgram", () => {
  it("takes the first executable file, passing over others of the name", () => {
    program("plain", 0o644);
    mkdirSync(join(folder, "directory", "osm-test-program"), { recursive: true });
    const wanted = program("right", 0o755);
    program("later", 0o755);
    const path = ["plain", "directory", "right", "later"].map((name) => join(folder, name)).join(":");
    assert.equal(findProgram("osm-test-program", path), wanted);
  });

  it("finds administrators' programs whatever PATH is, and nothing by a relative entry", () => {
    assert.match(findProgram("sh", "") ?? "", /^\//);
    assert.equal(findProgram("osm-test-program", ".:"), undefined);
  });
});

describe("cacheFolder", () => {
  it("follows XDG_CACHE_HOME if that is absolute", () => {
    const before = process.env["XDG_CACHE_HOME"];
    process.env["XDG_CACHE_HOME"] = "/var/tmp/cache";
    assert.equal(cacheFolder(), "/var/tmp/cache/osm");
    process.env["XDG_CACHE_HOME"] = "cache";
    assert.match(cacheFolder(), /^\/.*\.cache\/osm$/);
    if (before === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = before;
  });
});
