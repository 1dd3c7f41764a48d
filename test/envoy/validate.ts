/**
 * Asks a real Envoy whether it would take a configuration: `envoy --mode validate` on a static copy of it.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonValue } from "@bufbuild/protobuf";
import { makeKeyPair, P256, toKeyPem } from "../../src/ca/keys.ts";
import { createRoot, openSigner } from "../../src/ca/pki.ts";
import type { Redacted } from "../../src/core/base/redacted.ts";
import type { EnvoyConfig } from "../../src/core/envoy/config.ts";
import { configJson } from "../golden/envoy-messages.ts";

export interface EnvoyVerdict {
  readonly accepted: boolean;
  /** What Envoy wrote, warnings about deprecated fields too. */
  readonly output: string;
}

export interface ThrowAway {
  readonly root: string;
  readonly certificate: string;
  readonly key: Redacted<string>;
}

const HOUR = 3_600_000;
const DEADLINE = 30_000;

/** The verdict over one proxy's configuration. Roots and certificates are thrown away afterwards. */
export async function validateWithEnvoy(config: EnvoyConfig, envoyBin: string): Promise<EnvoyVerdict> {
  return validateText(JSON.stringify(staticBootstrap(config, await throwAway())), envoyBin);
}

/**
 * @param text - A bootstrap.
 * @param files - Further files, which the text may name by `{directory}/<name>`.
 */
export async function validateText(
  text: string,
  envoyBin: string,
  files: Readonly<Record<string, string>> = {},
): Promise<EnvoyVerdict> {
  const directory = await mkdtemp(join(tmpdir(), "osm-validate-"));
  try {
    const path = join(directory, "bootstrap.yaml");
    for (const [name, content] of Object.entries({ ...files, "bootstrap.yaml": text })) {
      await writeFile(join(directory, name), content.replaceAll("{directory}", directory), { mode: 0o600 });
    }
    return await runEnvoy(envoyBin, path);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Where a real Envoy is. @throws Error with the way out: a suite that silently asks nobody proves nothing. */
export function envoyFromEnvironment(): string {
  const path = process.env["ENVOY_BIN"];
  if (path !== undefined && path !== "") return path;
  throw new Error("ENVOY_BIN is not set: set it to an Envoy binary, or run `npm test`, which finds or fetches one");
}

/** A root of its own, and a leaf that it signed. */
export async function throwAway(): Promise<ThrowAway> {
  const issue = await makeIssuer();
  return issue("throw-away");
}

/** Makes a root; the result makes leaves for names, as DNS and as URI. */
export async function makeIssuer(): Promise<(name: string) => Promise<ThrowAway>> {
  const now = Date.now();
  const validity = { notBefore: now - HOUR, notAfter: now + HOUR };
  const root = await createRoot({ commonName: "root", organization: "test", key: P256, ...validity });
  const signer = await openSigner(root, { certificate: "root", key: "its key" });
  return async (name) => {
    const { publicKey, privateKey } = await makeKeyPair(P256);
    const names = { commonName: name, dnsSans: [name], uriSans: [`spiffe://test/${name}`] };
    const { pem: certificate } = await signer.sign({ ...names, publicKey, ...validity });
    return { root: root.certificate, certificate, key: await toKeyPem(privateKey) };
  };
}

function runEnvoy(envoyBin: string, path: string): Promise<EnvoyVerdict> {
  const argv = ["--mode", "validate", "--log-level", "warn", "-c", path];
  return new Promise((resolve) => {
    execFile(envoyBin, argv, { timeout: DEADLINE }, (error, stdout, stderr) => {
      resolve({ accepted: error === null, output: `${error?.message ?? ""}\n${stdout}${stderr}`.trim() });
    });
  });
}

/** The same resources, each in the place where it would otherwise be asked for by name. */
export function staticBootstrap(config: EnvoyConfig, { root, certificate, key }: ThrowAway): JsonValue {
  const json = configJson(config);
  const tables = byName(json["routes"] ?? [], "name");
  const assignments = byName(json["endpoints"] ?? [], "cluster_name");
  const certificateSecret = {
    name: "service-cert",
    tls_certificate: {
      certificate_chain: { inline_string: certificate },
      private_key: { inline_string: key.reveal() },
    },
  };
  const inPlace = (value: JsonValue | undefined) => rewritten(value ?? [], { tables, assignments, roots: root });
  const secrets = inPlace(json["secrets"]);
  return {
    node: { id: "validate", cluster: "validate" },
    static_resources: {
      clusters: inPlace(json["clusters"]),
      listeners: inPlace(json["listeners"]),
      secrets: [certificateSecret, ...(Array.isArray(secrets) ? secrets : [])],
    },
  };
}

interface Resources {
  readonly tables: ReadonlyMap<string, JsonValue>;
  readonly assignments: ReadonlyMap<string, JsonValue>;
  readonly roots: string;
}

function byName(list: JsonValue, key: string): ReadonlyMap<string, JsonValue> {
  const all = Array.isArray(list) ? list : [];
  return new Map(all.map((item) => [String(field(item, key)), item]));
}

function field(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value[key] : undefined;
}

function rewritten(value: JsonValue, resources: Resources): JsonValue {
  if (Array.isArray(value)) return value.map((item) => rewritten(item, resources));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, inner]) => rewrittenEntry(key, inner, value, resources));
  return Object.fromEntries(entries);
}

type Entries = readonly (readonly [string, JsonValue])[];

function rewrittenEntry(key: string, inner: JsonValue, parent: JsonValue, resources: Resources): Entries {
  switch (key) {
    case "sds_config": // without it, a secret's name means a static one
      return [];
    case "trusted_ca":
      return [[key, { inline_string: resources.roots }]];
    case "rds":
      return [["route_config", required(resources.tables, field(inner, "route_config_name"))]];
    case "eds_cluster_config":
      return [["load_assignment", required(resources.assignments, field(parent, "name"))]];
    case "type":
      return [[key, inner === "EDS" ? "STATIC" : inner]];
    default:
      return [[key, rewritten(inner, resources)]];
  }
}

function required(known: ReadonlyMap<string, JsonValue>, name: JsonValue | undefined): JsonValue {
  const found = known.get(String(name));
  if (found === undefined) throw new Error(`the configuration names ${String(name)} and does not hold it`);
  return found;
}
