import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { parseAllDocuments } from "yaml";
import { demoAppCommand } from "../cli/demo-app.ts";
import { BASE_MANIFESTS, SWITCH_MANIFESTS } from "./manifests.ts";
import { INITIAL_SWITCHES, SPLITS, type SwitchKey, turn } from "./switches.ts";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "deploy", "demo");

const ObjectSchema = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.looseObject({
    name: v.string(),
    namespace: v.optional(v.string()),
    labels: v.optional(v.record(v.string(), v.string())),
    annotations: v.optional(v.record(v.string(), v.string())),
  }),
});
type Manifest = v.InferOutput<typeof ObjectSchema>;

function objectsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => {
    assert.deepEqual(document.errors, []);
    return v.parse(ObjectSchema, document.toJS());
  });
}

const nameOf = ({ kind, metadata: { namespace, name } }: Manifest): string =>
  `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
const base = Object.values(BASE_MANIFESTS).flatMap(objectsOf);
const byName = (all: readonly Manifest[]) => new Map(all.map((one) => [nameOf(one), one]));

describe("the embedded manifests", () => {
  it("are the files of deploy/demo, all of them", () => {
    for (const [folder, embedded] of [
      [FOLDER, BASE_MANIFESTS],
      [join(FOLDER, "switches"), SWITCH_MANIFESTS],
    ] as const) {
      const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
      assert.deepEqual(Object.keys(embedded).sort(), files.sort());
      for (const [name, text] of Object.entries(embedded))
        assert.equal(text, readFileSync(join(folder, name), "utf8"), name);
    }
  });

  it("hold the whole bookstore, each object once", () => {
    const names = base.map(nameOf);
    assert.equal(new Set(names).size, names.length);
    for (const wanted of [
      "Deployment bookbuyer/bookbuyer",
      "Deployment bookthief/bookthief",
      "Deployment bookstore/bookstore-v1",
      "Deployment bookstore/bookstore-v2",
      "Deployment bookwarehouse/bookwarehouse",
      "StatefulSet bookwarehouse/database",
      "Service bookstore/bookstore",
      "Service bookstore/bookstore-v1",
      "Service bookstore/bookstore-v2",
      "Service bookwarehouse/bookwarehouse",
      "Service bookwarehouse/database",
      "TrafficTarget bookstore/bookstore-v1",
      "TrafficTarget bookstore/bookstore-v2",
      "TrafficTarget bookwarehouse/bookstore-access-bookwarehouse",
      "TrafficTarget bookwarehouse/database",
      "HTTPRouteGroup bookstore/bookstore-service-routes",
      "HTTPRouteGroup bookwarehouse/bookwarehouse-service-routes",
      "TCPRoute bookwarehouse/database",
      "TrafficSplit bookstore/bookstore-split",
      "MeshConfig osm-system/osm-mesh-config",
    ]) {
      assert.ok(names.includes(wanted), `${wanted} is missing from ${names.join(", ")}`);
    }
  });

  it("put every namespace into the mesh", () => {
    const namespaces = base.filter(({ kind }) => kind === "Namespace");
    assert.deepEqual(namespaces.map(({ metadata }) => metadata.name).sort(), [
      "bookbuyer",
      "bookstore",
      "bookthief",
      "bookwarehouse",
    ]);
    for (const { metadata } of namespaces) {
      assert.equal(metadata.labels?.["openservicemesh.io/monitored-by"], "osm");
      assert.equal(metadata.annotations?.["openservicemesh.io/sidecar-injection"], "enabled");
    }
  });

  it("put no object before its namespace: kubectl applies a folder in the order of its files' names", () => {
    const seen = new Set(["osm-system"]);
    const files = Object.entries(BASE_MANIFESTS).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const object of files.flatMap(([, text]) => objectsOf(text))) {
      const { kind, metadata } = object;
      if (kind === "Namespace") seen.add(metadata.name);
      else assert.ok(seen.has(metadata.namespace ?? ""), nameOf(object));
    }
  });

  it("run commands that `osm demo app` has", () => {
    const known = demoAppCommand().commands.map((command) => command.name());
    const commands = Object.values(BASE_MANIFESTS).flatMap((text) =>
      [...text.matchAll(/command: (\[.*\])/g)].map((match) => JSON.parse(match[1] ?? "")),
    );
    assert.equal(commands.length, 6);
    for (const [osm, demo, app, name] of commands) {
      assert.deepEqual([osm, demo, app], ["osm", "demo", "app"]);
      assert.ok(known.includes(name), `${name} is none of ${known.join(", ")}`);
    }
  });
});

describe("the switches", () => {
  it("only change objects that are there from the start", () => {
    const known = byName(base);
    for (const text of Object.values(SWITCH_MANIFESTS))
      for (const one of objectsOf(text)) assert.ok(known.has(nameOf(one)), nameOf(one));
  });

  it("begin where the base manifests stand: turned round once, each object is as it was", () => {
    const known = byName(base);
    const turns: Record<SwitchKey, number> = { p: 2, t: 2, s: SPLITS.length };
    for (const key of ["p", "t", "s"] as const) {
      let at = INITIAL_SWITCHES;
      let last = "";
      const files: string[] = [];
      for (let i = 0; i < turns[key]; i++) {
        const { next, file } = turn(at, key);
        [at, last] = [next, SWITCH_MANIFESTS[file]];
        files.push(file);
      }
      assert.deepEqual(at, INITIAL_SWITCHES);
      assert.equal(new Set(files).size, turns[key]);
      for (const one of objectsOf(last)) assert.deepEqual(one, known.get(nameOf(one)), `${key}: ${nameOf(one)}`);
    }
  });

  it("do what their names say", () => {
    const weights = (text: string): unknown => [...text.matchAll(/weight: (\d+)/g)].map((match) => Number(match[1]));
    assert.deepEqual(weights(SWITCH_MANIFESTS["split-0-100.yaml"]), [0, 100]);
    assert.deepEqual(weights(SWITCH_MANIFESTS["split-90-10.yaml"]), [90, 10]);
    assert.deepEqual(weights(SWITCH_MANIFESTS["split-50-50.yaml"]), [50, 50]);
    assert.deepEqual(weights(SWITCH_MANIFESTS["split-100-0.yaml"]), [100, 0]);
    assert.ok(SWITCH_MANIFESTS["permissive-on.yaml"].includes("enablePermissiveTrafficPolicyMode: true"));
    assert.ok(!SWITCH_MANIFESTS["deny-bookthief.yaml"].includes("name: bookthief"));
    assert.equal(SWITCH_MANIFESTS["allow-bookthief.yaml"].match(/name: bookthief/g)?.length, 2);
  });
});
