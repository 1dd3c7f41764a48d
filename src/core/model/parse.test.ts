import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { tidyFindings } from "../base/finding.ts";
import { deepFreeze } from "../base/memo.ts";
import { refOf } from "./object.ts";
import { KINDS, parseObject } from "./parse.ts";
import { emptySnapshot } from "./snapshot.ts";

/** One full object of each kind that has a shape worth breaking. */
const SAMPLES: readonly unknown[] = [
  {
    apiVersion: "access.smi-spec.io/v1alpha3",
    kind: "TrafficTarget",
    metadata: { name: "t", namespace: "n", labels: { a: "b", b: "c" } },
    spec: {
      destination: { kind: "ServiceAccount", name: "a", namespace: "n" },
      sources: [{ kind: "ServiceAccount", name: "b", namespace: "m" }],
      rules: [{ kind: "HTTPRouteGroup", name: "g", matches: ["m"] }],
    },
  },
  {
    apiVersion: "specs.smi-spec.io/v1alpha4",
    kind: "HTTPRouteGroup",
    metadata: { name: "g", namespace: "n" },
    spec: { matches: [{ name: "m", pathRegex: "/a", methods: ["GET"], headers: [{ host: "x" }] }] },
  },
  {
    apiVersion: "specs.smi-spec.io/v1alpha4",
    kind: "TCPRoute",
    metadata: { name: "r", namespace: "n" },
    spec: { matches: { ports: [1, 2] } },
  },
  {
    apiVersion: "split.smi-spec.io/v1alpha2",
    kind: "TrafficSplit",
    metadata: { name: "s", namespace: "n" },
    spec: { service: "a", backends: [{ service: "b", weight: 1 }] },
  },
  {
    apiVersion: "config.openservicemesh.io/v1alpha2",
    kind: "MeshConfig",
    metadata: { name: "c", namespace: "n" },
    spec: {
      sidecar: { logLevel: "info", tlsMinProtocolVersion: "TLSv1_2", resources: { limits: { cpu: "1" } } },
      traffic: { outboundPortExclusionList: [1], outboundIPRangeExclusionList: ["10.0.0.0/8"] },
      observability: { tracing: { port: 1 } },
      certificate: {
        ingressGateway: { subjectAltNames: ["a"], validityDuration: "1h", secret: { name: "a", namespace: "b" } },
      },
    },
  },
  {
    apiVersion: "config.openservicemesh.io/v1alpha2",
    kind: "MeshRootCertificate",
    metadata: { name: "r", namespace: "n" },
    spec: {
      role: "passive",
      trustDomain: "a.b",
      provider: { tresor: { ca: { secretRef: { name: "a", namespace: "b" } } } },
    },
    status: { currentStatus: "a", conditions: [{ type: "Ready", status: "True" }] },
  },
  {
    apiVersion: "config.openservicemesh.io/v1alpha2",
    kind: "ExtensionService",
    metadata: { name: "e", namespace: "n" },
    spec: { host: "a.b", port: 1, protocol: "h2c", connectTimeout: "1s" },
  },
  {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "Egress",
    metadata: { name: "e", namespace: "n" },
    spec: {
      sources: [{ kind: "ServiceAccount", name: "a", namespace: "n" }],
      hosts: ["a.b"],
      ipAddresses: ["10.0.0.0/8"],
      ports: [{ number: 1, protocol: "http" }],
      matches: [{ apiGroup: "specs.smi-spec.io/v1alpha4", kind: "HTTPRouteGroup", name: "g" }],
    },
  },
  {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "IngressBackend",
    metadata: { name: "i", namespace: "n" },
    spec: {
      backends: [
        { name: "s", port: { number: 1, protocol: "https" }, tls: { skipClientCertValidation: true, sniHosts: ["a"] } },
      ],
      sources: [
        { kind: "Service", name: "g", namespace: "m" },
        { kind: "IPRange", name: "10.0.0.0/8" },
      ],
    },
  },
  {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "Retry",
    metadata: { name: "r", namespace: "n" },
    spec: {
      source: { kind: "ServiceAccount", name: "a", namespace: "n" },
      destinations: [{ kind: "Service", name: "s", namespace: "n" }],
      retryPolicy: { retryOn: "5xx", perTryTimeout: "1s", numRetries: 1, retryBackoffBaseInterval: "1s" },
    },
  },
  {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "Telemetry",
    metadata: { name: "t", namespace: "n" },
    spec: {
      selector: { a: "b" },
      accessLog: {
        format: '{"a":"%PROTOCOL%"}',
        openTelemetry: { extensionService: { namespace: "n", name: "e" }, attributes: { a: "b" } },
      },
    },
  },
  {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "UpstreamTrafficSetting",
    metadata: { name: "u", namespace: "n" },
    spec: {
      host: "a.b",
      connectionSettings: { tcp: { maxConnections: 1, connectTimeout: "1s" }, http: { maxRetries: 1 } },
      rateLimit: {
        local: { http: { requests: 1, unit: "second", responseHeadersToAdd: [{ name: "a", value: "b" }] } },
        global: {
          tcp: {
            rateLimitService: { host: "a", port: 1 },
            domain: "a",
            descriptors: [{ entries: [{ key: "a", value: "b" }] }],
          },
          http: {
            rateLimitService: { host: "a", port: 1 },
            domain: "a",
            descriptors: [
              {
                entries: [
                  { headerValueMatch: { value: "a", headers: [{ name: "a", regex: "b" }] } },
                  { remoteAddress: {} },
                ],
              },
            ],
          },
        },
      },
      httpRoutes: [{ path: "/", rateLimit: { local: { requests: 1, unit: "hour" } } }],
    },
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s", namespace: "n" },
    spec: { selector: { a: "b" }, clusterIP: "1.1.1.1", ports: [{ port: 1, targetPort: "x" }] },
  },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "d", namespace: "n" },
    spec: {
      replicas: 2,
      template: {
        metadata: { labels: { a: "b" } },
        spec: {
          containers: [
            {
              name: "c",
              env: [{ name: "A", value: "b" }],
              ports: [{ containerPort: 1 }],
              livenessProbe: { tcpSocket: { port: 1 } },
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "n", ownerReferences: [{ kind: "a", name: "b", controller: true }] },
    spec: { containers: [{ ports: [{ containerPort: 1 }] }] },
    status: { podIPs: [{ ip: "1.1.1.1" }], conditions: [{ type: "Ready", status: "True" }] },
  },
];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** Every value inside `value`, replaced in turn by `put`. */
function* broken(value: unknown, put: unknown): Generator<unknown> {
  yield put;
  if (!isObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    for (const other of broken(inner, put)) {
      yield Array.isArray(value)
        ? value.map((one, i) => (String(i) === key ? other : one))
        : { ...value, [key]: other };
    }
  }
}

/** The same value with the keys of its objects in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, one]) => [key, reversed(one)]),
  );
}

describe("parseObject", () => {
  for (const sample of SAMPLES) {
    const parsed = parseObject(sample);
    assert.ok(parsed?.ok, JSON.stringify(parsed));
    it(`reads the sample ${parsed.value.kind} without a finding, frozen, whatever the order of its keys`, () => {
      assert.deepEqual(parsed.findings, []);
      assert.ok(Object.isFrozen(parsed.value) && Object.isFrozen(parsed.value.meta.labels));
      assert.equal(JSON.stringify(parseObject(reversed(sample))), JSON.stringify(parsed));
    });
  }

  it("refers to what it read", () => {
    const parsed = parseObject(SAMPLES[0]);
    assert.ok(parsed?.ok);
    assert.deepEqual(refOf(parsed.value), { kind: "TrafficTarget", namespace: "n", name: "t" });
  });

  const unread: readonly (readonly [string, string])[] = [
    ["v1", "Secret"],
    ["serving.knative.dev/v1", "Service"],
    ["v1", "Deployment"],
  ];
  for (const [apiVersion, kind] of unread) {
    it(`leaves ${kind} of ${apiVersion} alone`, () =>
      assert.equal(parseObject({ apiVersion, kind, metadata: {} }), undefined));
  }

  const headers: readonly (readonly [unknown, string, string])[] = [
    [null, "", "must be an object, but is null"],
    [[], "", "must be an object, but is an empty list"],
    ["x", "", 'must be an object, but is "x"'],
    [{}, "kind", "must be the name of a kind, but is undefined"],
    [{ kind: "Pod" }, "apiVersion", 'must be a group and version such as "apps/v1", but is undefined'],
  ];
  for (const [raw, path, message] of headers) {
    it(`says of ${JSON.stringify(raw)} that it ${message}`, () => {
      const parsed = parseObject(raw);
      assert.equal(parsed?.ok, false);
      assert.deepEqual(
        parsed?.findings.map((one) => [one.code, one.path, one.message]),
        [["object-invalid", path, message]],
      );
    });
  }

  it("knows unserved versions of Kubernetes' kinds too", () => {
    const parsed = parseObject({ apiVersion: "apps/v1beta1", kind: "Deployment", metadata: { name: "d" } });
    assert.deepEqual(
      parsed?.findings.map(({ code, message }) => [code, message]),
      [["version-unserved", '"apps/v1beta1" is not served; write the object as apps/v1']],
    );
  });

  it("names the place that an object has without saying so", () => {
    const unplaced = parseObject({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "a" } });
    const cluster = parseObject({ apiVersion: "v1", kind: "Namespace", metadata: { name: "a", namespace: "b" } });
    assert.ok(unplaced?.ok && cluster?.ok);
    assert.deepEqual([unplaced.value.meta.namespace, cluster.value.meta.namespace], ["default", ""]);
  });

  it("has a map in a snapshot for every kind", () => {
    assert.deepEqual(KINDS.map(({ kind }) => kind).sort(), Object.keys(emptySnapshot().objects).sort());
  });
});

describe("every parse", () => {
  // Broken input is frozen: a parser that wrote to it would throw.
  function check(raw: unknown): void {
    deepFreeze(raw);
    for (const { parse } of KINDS) {
      const parsed = parse(raw);
      assert.deepEqual(parsed.findings, tidyFindings(parsed.findings));
      assert.deepEqual(parse(raw), parsed);
      assert.ok(parsed.ok || parsed.findings.length > 0, "refused without a reason");
    }
    parseObject(raw);
  }

  it("never throws, whatever it is given, and says the same twice", () => {
    fc.assert(fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), check), { numRuns: 200 });
  });

  it("never throws for an object with any one value broken", () => {
    const values: readonly unknown[] = [
      null,
      undefined,
      "",
      "x",
      -1,
      1.5,
      2 ** 40,
      true,
      [],
      {},
      [null],
      [[]],
      { x: null },
      "\ud800",
    ];
    let count = 0;
    for (const sample of SAMPLES) {
      for (const put of values) {
        for (const raw of broken(sample, put)) {
          count += 1;
          const [first, second] = [parseObject(raw), parseObject(raw)];
          assert.deepEqual(first, second);
        }
      }
    }
    assert.ok(count > 1000, `${count} seen`);
  });

  it("never throws for an object with any one value replaced by any JSON", () => {
    const law = fc.property(fc.constantFrom(...SAMPLES), fc.jsonValue(), fc.nat(), (sample, put, pick) => {
      const all = [...broken(sample, put)];
      check(structuredClone(all[pick % all.length]));
    });
    fc.assert(law, { numRuns: 100 });
  });

  it("pollutes no prototype", () => {
    const raw = JSON.parse(
      '{"apiVersion":"v1","kind":"Pod","__proto__":{"x":1},"metadata":{"name":"p","labels":{"__proto__":"y"},"__proto__":{"z":1}}}',
    );
    const parsed = parseObject(raw);
    assert.ok(parsed?.ok);
    assert.deepEqual(Object.entries(parsed.value.meta.labels), [["__proto__", "y"]]);
    assert.equal(Object.getPrototypeOf(parsed.value.meta), Object.prototype);
    assert.equal(Reflect.get({}, "x") ?? Reflect.get({}, "z"), undefined);
  });
});
