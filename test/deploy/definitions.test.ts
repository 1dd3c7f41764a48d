/**
 * The definitions are OSM's: names, versions, columns, and what they take and refuse; and they agree with the parser.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseObject } from "../../src/core/model/parse.ts";
import { complaints, DEFINITIONS, withDefaults } from "./definitions.ts";
import { type KubernetesObject, validObjects } from "./documents.ts";
import { REFUSED } from "./refused.ts";

/** Platform specification 1.0, row by row: versions are `*` stored, `-` declared and not served. */
const TABLE = `
config.openservicemesh.io    MeshConfig             meshconfigs             meshconfig             v1alpha2* v1alpha1          ()
config.openservicemesh.io    MeshRootCertificate    meshrootcertificates    mrc                    v1alpha2*                   (Role) status
config.openservicemesh.io    ExtensionService       extensionservices       extsvc                 v1alpha2*                   ()
policy.openservicemesh.io    Egress                 egresses                egress                 v1alpha1*                   ()
policy.openservicemesh.io    IngressBackend         ingressbackends         ingressbackend         v1alpha1*                   (Status) status
policy.openservicemesh.io    Retry                  retries                 retry                  v1alpha1*                   ()
policy.openservicemesh.io    Telemetry              telemetries             telemetry              v1alpha1*                   (Status) status
policy.openservicemesh.io    UpstreamTrafficSetting upstreamtrafficsettings upstreamtrafficsetting v1alpha1*                   (Status) status
access.smi-spec.io           TrafficTarget          traffictargets          tt                     v1alpha3* -v1alpha2 -v1alpha1 ()
specs.smi-spec.io            HTTPRouteGroup         httproutegroups         htr                    v1alpha4* -v1alpha3 -v1alpha2 -v1alpha1 ()
specs.smi-spec.io            TCPRoute               tcproutes               tr                     v1alpha4*                   ()
split.smi-spec.io            TrafficSplit           trafficsplits           ts                     -v1alpha4 -v1alpha3 v1alpha2* (Service)
multicluster.x-k8s.io        ServiceExport          serviceexports          svcex                  v1alpha1*                   (Age) status
multicluster.x-k8s.io        ServiceImport          serviceimports          svcim                  v1alpha1*                   (Type,IP,Age) status
`;

describe("definitions", () => {
  it("are named, versioned and shown as OSM's", () => {
    const rows = DEFINITIONS.map(({ group, kind, plural, short, versions }) => {
      const names = versions.map(({ name, served, storage }) => `${served ? "" : "-"}${name}${storage ? "*" : ""}`);
      const columns = versions.find(({ storage }) => storage)?.columns ?? [];
      const status = versions.some(({ hasStatus }) => hasStatus) ? ["status"] : [];
      return [group, kind, plural, short, ...names, `(${columns})`, ...status].join(" ");
    });
    const expected = TABLE.trim().split("\n");
    assert.deepEqual(
      rows,
      expected.map((row) => row.replace(/ +/g, " ").trim()),
    );
  });

  it("have a type everywhere, as structural schemas must", () => {
    const all = DEFINITIONS.flatMap(({ kind, versions }) =>
      versions.flatMap(({ name, schema }) => untyped(schema, `${kind} ${name}`)),
    );
    assert.deepEqual(all, []);
  });
});

describe("objects that operators write", () => {
  const objects = validObjects().filter(({ apiVersion }) =>
    DEFINITIONS.some(({ group }) => apiVersion.startsWith(`${group}/`)),
  );

  it("are of every kind that has an effect", () => {
    const seen = new Set(objects.map(({ kind }) => kind));
    const missing = DEFINITIONS.filter(({ group, kind }) => group !== "multicluster.x-k8s.io" && !seen.has(kind));
    assert.deepEqual(
      missing.map(({ kind }) => kind),
      [],
    );
  });

  for (const object of objects) {
    const { kind, metadata } = object;
    it(`${kind} ${metadata.namespace}/${metadata.name} is taken by definition and parser`, () => {
      assert.equal(complaints(object), "");
      const parsed = parseObject(object);
      assert.deepEqual(parsed?.findings ?? [], []);
    });
  }

  for (const [what, object] of REFUSED) {
    it(`refuses ${what}`, () => assert.notEqual(complaints(object), ""));
  }
});

describe("definition and parser", () => {
  for (const { group, kind, versions } of DEFINITIONS.filter(({ group }) => group !== "multicluster.x-k8s.io")) {
    for (const { name, schema } of versions.filter(({ served }) => served)) {
      it(`know the same fields of ${kind} ${name}`, () => {
        for (let choice = 0; choice < CHOICES; choice++) {
          const spec = example(specOf(schema), { kind, path: "spec", choice });
          const object = { apiVersion: `${group}/${name}`, kind, metadata: { name: "a", namespace: "b" }, spec };
          assert.equal(complaints(object), "", "the example is not valid itself");
          // Fields that have no effect are known fields all the same.
          const unknown = parseObject(object)?.findings.filter(({ code }) => code !== "mesh-config-no-effect");
          assert.deepEqual(unknown, []);
        }
      });
    }
  }

  it("agree about MeshConfig's defaults", () => {
    const spec = { sidecar: {}, traffic: { inboundExternalAuthorization: {} }, observability: { tracing: {} } };
    const bare: KubernetesObject = {
      apiVersion: "config.openservicemesh.io/v1alpha2",
      kind: "MeshConfig",
      metadata: { name: "osm-mesh-config", namespace: "osm-system" },
      spec,
    };
    const full = withDefaults(bare);
    assert.notDeepEqual(full, bare);
    assert.deepEqual(parseObject(full), parseObject(bare));
  });
});

type Node = Record<string, unknown>;

/** Paths of parts of a schema that say neither their type nor that anything goes. */
function untyped(schema: Node, path: string): string[] {
  const own = schema["type"] === undefined && schema["x-kubernetes-preserve-unknown-fields"] !== true ? [path] : [];
  return [...own, ...parts(schema).flatMap(([name, part]) => untyped(part, `${path}.${name}`))];
}

function parts({ properties = {}, items, additionalProperties }: Node): [string, Node][] {
  const lists = [items, additionalProperties].filter((one): one is Node => typeof one === "object");
  return [...Object.entries(properties as Record<string, Node>), ...lists.map((one): [string, Node] => ["[]", one])];
}

/** Values that mean something in fields whose schema is only "a text". */
const TEXTS: readonly (readonly [RegExp, string])[] = [
  [/cipherSuites\[]/, "ECDHE-ECDSA-AES128-GCM-SHA256"],
  [/ecdhCurves\[]/, "X25519"],
  [/(Timeout|Interval|timeout|interval|EjectionTime)$/, "1m"],
  [/ValidityDuration$|validityDuration$/, "24h"],
  [/osmLogLevel$/, "info"],
  [/^Egress .*ports\[]\.protocol$/, "tcp-server-first"],
  [/^IngressBackend .*port\.protocol$/, "https"],
  [/^ExtensionService .*protocol$/, "h2c"],
  [/^Egress .*matches\[]\.apiGroup$/, "specs.smi-spec.io/v1alpha4"],
  [/^Egress .*matches\[]\.kind$/, "HTTPRouteGroup"],
  [/^IngressBackend .*sources\[]\.kind$/, "Service"],
  [/^Retry spec\.source\.kind$/, "ServiceAccount"],
  [/^Retry spec\.destinations\[]\.kind$/, "Service"],
  [/retryOn$/, "5xx,reset"],
  [/tracing\.endpoint$/, "/api/v2/spans"],
];
const NUMBERS: readonly (readonly [RegExp, number])[] = [
  [/certKeyBitSize$/, 2048],
  [/tracing\.port$/, 9411],
];
/** Enough to have each way to write what can be written in several, at each of two depths. */
const CHOICES = 4 * 6;

interface Place {
  readonly kind: string;
  readonly path: string;
  /** Of what can be written in several ways: which. */
  readonly choice: number;
}

function specOf(schema: Node): Node {
  return (schema["properties"] as Record<string, Node>)["spec"] ?? {};
}

/** A value with every field that the schema has. */
function example(schema: Node, place: Place): unknown {
  const { type, items, pattern } = schema;
  if (schema["default"] !== undefined) return schema["default"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  switch (type) {
    case "object":
      return exampleObject(schema, place);
    case "array":
      return [example(items as Node, { ...place, path: `${place.path}[]` })];
    case "boolean":
      return true;
    case "integer":
    case "number":
      return valueFor(NUMBERS, place) ?? schema["minimum"] ?? 1;
    default:
      return pattern === undefined ? (valueFor(TEXTS, place) ?? "some-text") : "10.0.0.0/8";
  }
}

function exampleObject({ properties = {}, oneOf = [] }: Node, { kind, path, choice }: Place): unknown {
  const alternatives = (oneOf as { readonly required: readonly string[] }[]).flatMap(({ required }) => required);
  const ways = Math.max(alternatives.length, 1);
  const chosen = alternatives[choice % ways];
  const inner = Math.floor(choice / ways);
  const entries = Object.entries(properties as Record<string, Node>)
    .filter(([key]) => key === chosen || !alternatives.includes(key))
    .map(([key, part]) => [key, example(part, { kind, path: `${path}.${key}`, choice: inner })]);
  return Object.fromEntries(entries);
}

function valueFor<T>(table: readonly (readonly [RegExp, T])[], { kind, path }: Place): T | undefined {
  return table.find(([fits]) => fits.test(`${kind} ${path}`))?.[1];
}
