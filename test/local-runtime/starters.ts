/** Who starts a machine in these tests: this user, or, if this is root, an ordinary user made for the purpose. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { findProgram } from "../../src/local/tools/find.ts";

const DENO = "Deno" in globalThis;
const RUN = DENO ? ["run", "-A", "--no-check"] : [];

/** How to start `outside.ts`, and what must be readable for whoever starts it. */
export interface Starter {
  /** Command line up to the arguments of `outside`; `inside` is its first argument. */
  readonly outside: readonly string[];
  readonly inside: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Command line that makes the rest of it run as the same user. */
  readonly as: readonly string[];
  /** Makes a folder the starter's. */
  own(folder: string): void;
  /** A path under which the starter can execute the program. */
  executable(path: string): string;
  remove(): void;
}

export function myself(): Starter {
  return {
    outside: [process.execPath, ...RUN, join(import.meta.dirname, "outside.ts")],
    inside: [process.execPath, ...RUN, join(import.meta.dirname, "inside.ts")],
    env: {},
    as: [],
    own: () => undefined,
    executable: (path) => path,
    remove: () => undefined,
  };
}

/** Why there can be no ordinary user here; undefined if there can. */
export function noOrdinaryUser(): string | undefined {
  if (process.getuid?.() !== 0) return "the tests run as an ordinary user already";
  const missing = ["useradd", "userdel", "runuser", "newuidmap", "newgidmap"].filter(
    (name) => findProgram(name) === undefined,
  );
  return missing.length === 0 ? undefined : `${missing.join(", ")} not installed`;
}

/**
 * Makes a user with subordinate ids. The clone may lie in a folder that is closed to others, so that runtime and
 * program are copied to one that is not.
 */
export function ordinaryUser(): Starter {
  const name = `osmtest${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), "osm-user-"));
  chmodSync(folder, 0o755);
  execFileSync("useradd", ["--create-home", "--home-dir", join(folder, "home"), name]);
  if (!readFileSync("/etc/subuid", "utf8").includes(`${name}:`)) {
    execFileSync("usermod", ["--add-subuids", "600000-665535", "--add-subgids", "600000-665535", name]);
  }
  const uid = Number(execFileSync("id", ["-u", name], { encoding: "utf8" }));
  const copy = (path: string): string => {
    const target = join(folder, basename(path));
    copyFileSync(path, target);
    chmodSync(target, 0o755);
    return target;
  };
  const as = [findProgram("runuser") ?? "runuser", "-u", name, "--"];
  const runtime = copy(process.execPath);
  const program = DENO ? import.meta.dirname : bundle(join(folder, "program"));
  const extension = DENO ? "ts" : "js";
  return {
    as,
    outside: [...as, runtime, ...RUN, join(program, `outside.${extension}`)],
    inside: [runtime, ...RUN, join(program, `inside.${extension}`)],
    env: { HOME: join(folder, "home"), USER: name, PATH: "/usr/local/bin:/usr/bin:/bin" },
    own: (path) => chownSync(path, uid, uid),
    executable: copy,
    remove: () => {
      spawnSync("userdel", [name]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function bundle(target: string): string {
  mkdirSync(target);
  const sources = ["outside.ts", "inside.ts"].map((name) => join(import.meta.dirname, name));
  execFileSync(process.execPath, ["build", "--target=bun", `--outdir=${target}`, ...sources], { stdio: "ignore" });
  return target;
}
