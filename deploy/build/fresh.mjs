/**
 * Makes a fresh clone ready, and does nothing where it is: locked packages, generated code, and with `--build` the
 * executable. Plain Node, since it runs before anything is installed.
 *
 * Each step has a stamp: the hash of what it was made from. Equal stamp: skipped.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

process.chdir(join(import.meta.dirname, "..", ".."));
const quiet = process.argv.includes("--quiet");

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(path).update("\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}

/** Runs `make` unless `outcome` exists and was made from these very files. */
function step(name, { from, outcome, make }) {
  const stampFile = `node_modules/.osm-${name}`;
  const stamp = hashOf(from);
  if (existsSync(outcome) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  if (!quiet) console.error(`${name} …`);
  make();
  mkdirSync("node_modules", { recursive: true });
  writeFileSync(stampFile, stamp);
}

function run(program, ...args) {
  // All output to stderr: stdout belongs to the command that comes after.
  execFileSync(program, args, { stdio: ["ignore", 2, 2] });
}

/** npm may hold back the install scripts that put Bun's and Deno's programs in their place; then we run them. */
function mendProgram(name, script) {
  try {
    execFileSync(`node_modules/.bin/${name}`, ["--version"], {
      stdio: "ignore",
    });
  } catch {
    run(process.execPath, script);
  }
}

step("packages", {
  from: ["package.json", "package-lock.json"],
  outcome: "node_modules/.bin",
  make() {
    // Not `npm ci`: it refuses a lock file that lacks the programs of other platforms, and a registry that does not carry
    // them cannot lock them. This installs what is locked, and adds this platform's programs where they are missing.
    run("npm", "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error");
    mendProgram("bun", "node_modules/bun/install.js");
    mendProgram("deno", "node_modules/deno/install.cjs");
  },
});

step("gen", {
  from: ["package-lock.json", "buf.yaml", "deploy/build/gen.mjs"],
  outcome: "gen/envoy",
  make: () => run(process.execPath, "deploy/build/gen.mjs"),
});

if (process.argv.includes("--build")) {
  step("build", {
    from: ["package.json", "package-lock.json", ...filesBelow("src"), ...filesBelow("deploy"), "node_modules/.osm-gen"],
    outcome: "dist/osm",
    make: () =>
      run(
        "node_modules/.bin/bun",
        "build",
        "--compile",
        "--bytecode",
        "--minify-syntax",
        "--minify-whitespace",
        "src/app/main.ts",
        "--outfile",
        "dist/osm",
      ),
  });
}
