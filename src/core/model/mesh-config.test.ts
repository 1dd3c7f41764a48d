import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DEFAULT_MESH_CONFIG, MeshConfig } from "./mesh-config.ts";

function config(spec: unknown, version = "v1alpha2") {
  const metadata = { name: "osm-mesh-config", namespace: "osm-system" };
  return MeshConfig.parse({ apiVersion: `config.openservicemesh.io/${version}`, kind: "MeshConfig", metadata, spec });
}

function accepted(spec: unknown) {
  const parsed = config(spec);
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  return parsed.value;
}

describe("MeshConfig.parse", () => {
  it("has a default for every field, and is closed by default", () => {
    const written = accepted({});
    assert.equal(written.traffic.enableEgress, false);
    assert.equal(written.traffic.enablePermissiveTrafficPolicyMode, false);
    const { traffic, featureFlags, ...rest } = DEFAULT_MESH_CONFIG;
    assert.deepEqual({ ...written, traffic, featureFlags }, { ...rest, traffic, featureFlags });
  });

  it("is open as OSM's chart installs it", () => {
    assert.equal(DEFAULT_MESH_CONFIG.traffic.enableEgress, true);
    assert.equal(DEFAULT_MESH_CONFIG.traffic.enablePermissiveTrafficPolicyMode, true);
    assert.equal(DEFAULT_MESH_CONFIG.certificate.serviceCertValidityMs, 86_400_000);
    assert.ok(Object.isFrozen(DEFAULT_MESH_CONFIG.sidecar.resources));
  });

  for (const version of ["v1alpha1", "v1alpha2"]) {
    it(`reads ${version}`, () => {
      const parsed = config({ traffic: { enableEgress: true } }, version);
      assert.ok(parsed.ok);
      assert.equal(parsed.value.traffic.enableEgress, true);
      assert.deepEqual(parsed.findings, []);
    });
  }

  it("reads no spec at all as an empty one", () => assert.deepEqual(accepted(null), accepted({})));

  it("reads every field as written", () => {
    const { sidecar, observability, certificate } = accepted({
      sidecar: {
        logLevel: "debug",
        configResyncInterval: "90s",
        resources: { limits: { cpu: 1, memory: "64Mi" } },
        tlsMinProtocolVersion: "TLSv1_3",
        cipherSuites: ["ECDHE-ECDSA-AES128-GCM-SHA256"],
        localProxyMode: "PodIP",
      },
      observability: { tracing: { enable: true, port: 40_000, address: "zipkin" } },
      certificate: {
        serviceCertValidityDuration: "1h30m",
        ingressGateway: { subjectAltNames: ["gw"], validityDuration: "2h", secret: { name: "s", namespace: "n" } },
      },
    });
    assert.deepEqual(
      [sidecar.logLevel, sidecar.configResyncInterval, sidecar.localProxyMode],
      ["debug", 90_000, "PodIP"],
    );
    assert.deepEqual(sidecar.resources, { limits: { cpu: "1", memory: "64Mi" }, requests: {} });
    assert.deepEqual([sidecar.tlsMinProtocolVersion, sidecar.tlsMaxProtocolVersion], ["TLSv1_3", "TLSv1_3"]);
    assert.deepEqual(observability.tracing, {
      enable: true,
      port: 40_000,
      address: "zipkin",
      endpoint: "/api/v2/spans",
      sampling: 100,
    });
    assert.equal(certificate.serviceCertValidityMs, 5_400_000);
    assert.deepEqual(certificate.ingressGateway, {
      subjectAltNames: ["gw"],
      validityMs: 7_200_000,
      secret: { name: "s", namespace: "n" },
    });
  });

  it("allows lives down to ten seconds, and raises shorter ones", () => {
    const at = (life: string) => config({ certificate: { serviceCertValidityDuration: life } });
    const [short, shorter] = [at("10s"), at("9s")];
    assert.ok(short.ok && shorter.ok);
    assert.deepEqual([short.value.certificate.serviceCertValidityMs, short.findings.length], [10_000, 0]);
    assert.deepEqual([shorter.value.certificate.serviceCertValidityMs, shorter.findings.length], [10_000, 1]);
  });

  // Path under spec, and a bad value.
  const bad: readonly (readonly [string, unknown])[] = [
    ["sidecar.logLevel", "loud"],
    ["sidecar.maxDataPlaneConnections", -1],
    ["sidecar.configResyncInterval", "5s"],
    ["sidecar.configResyncInterval", "soon"],
    ["sidecar.configResyncInterval", 30],
    ["sidecar.tlsMinProtocolVersion", "TLSv1.2"],
    ["sidecar.cipherSuites", "all"],
    ["sidecar.localProxyMode", "podip"],
    ["sidecar.envoyImage", 3],
    ["sidecar.resources", "big"],
    ["sidecar", "x"],
    ["sidecar", []],
    ["traffic.enableEgress", "yes"],
    ["traffic.enablePermissiveTrafficPolicyMode", 1],
    ["traffic.inboundPortExclusionList", 80],
    ["traffic.inboundExternalAuthorization.timeout", "1 s"],
    ["traffic.inboundExternalAuthorization.port", 65_536],
    ["observability.osmLogLevel", "warning"],
    ["observability.tracing.port", 65_536],
    ["observability.tracing.address", "http://zipkin"],
    ["observability.tracing.endpoint", "spans"],
    ["observability.tracing.sampling", 101],
    ["traffic.inboundExternalAuthorization.address", "opa:9191"],
    ["certificate.serviceCertValidityDuration", "a day"],
    ["certificate.serviceCertValidityDuration", "-1h"],
    ["certificate.certKeyBitSize", 1024],
    ["featureFlags.enableRetryPolicy", null],
  ];
  for (const [path, value] of bad) {
    it(`takes the default for ${path}: ${JSON.stringify(value)}`, () => {
      const nested = path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
      const parsed = config(nested);
      assert.ok(parsed.ok);
      assert.deepEqual(parsed.value, accepted({}));
      const expected = value === null ? [] : [`field-invalid spec.${path}`];
      assert.deepEqual(
        parsed.findings.map(({ code, path: where }) => `${code} ${where}`),
        expected,
      );
    });
  }

  it("leaves bad entries of a list out, and keeps the good ones and all else", () => {
    const parsed = config({
      traffic: {
        enableEgress: true,
        outboundPortExclusionList: [22, 0, 70_000, 443],
        outboundIPRangeExclusionList: ["10.0.0.0/33", "10.0.0.0/8", "fd00::/8"],
      },
    });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.traffic.outboundPortExclusionList, [22, 443]);
    assert.deepEqual(parsed.value.traffic.outboundIPRangeExclusionList, ["10.0.0.0/8"]);
    assert.equal(parsed.value.traffic.enableEgress, true);
    assert.deepEqual(
      parsed.findings.map(({ path }) => path),
      [
        "spec.traffic.outboundIPRangeExclusionList[0]",
        "spec.traffic.outboundIPRangeExclusionList[2]",
        "spec.traffic.outboundPortExclusionList[1]",
        "spec.traffic.outboundPortExclusionList[2]",
      ],
    );
  });

  it("says which fields have no effect, if they are set to something", () => {
    const parsed = config({
      observability: { enableDebugServer: true },
      certificate: { certKeyBitSize: 4096 },
      featureFlags: {
        enableMulticlusterMode: true,
        enableSnapshotCacheMode: true,
        enableAsyncProxyServiceMapping: true,
        enableRetryPolicy: true,
      },
    });
    assert.deepEqual(
      parsed.findings.map(({ code, path }) => `${code} ${path}`),
      [
        "mesh-config-no-effect spec.certificate.certKeyBitSize",
        "mesh-config-no-effect spec.featureFlags.enableAsyncProxyServiceMapping",
        "mesh-config-no-effect spec.featureFlags.enableMulticlusterMode",
        "mesh-config-no-effect spec.featureFlags.enableSnapshotCacheMode",
        "mesh-config-no-effect spec.observability.enableDebugServer",
      ],
    );
    const chart = { observability: { enableDebugServer: false }, certificate: { certKeyBitSize: 2048 } };
    assert.deepEqual(config(chart).findings, []);
  });

  it("leaves out cipher suites and curves that Envoy would refuse a listener for", () => {
    const parsed = config({
      sidecar: { cipherSuites: ["ECDHE-RSA-AES128-SHA", "RC4-MD5"], ecdhCurves: ["P-256", "p256", "X25519"] },
    });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.sidecar.cipherSuites, ["ECDHE-RSA-AES128-SHA"]);
    assert.deepEqual(parsed.value.sidecar.ecdhCurves, ["P-256", "X25519"]);
    assert.deepEqual(
      parsed.findings.map(({ code, path }) => `${code} ${path}`),
      ["field-invalid spec.sidecar.cipherSuites[1]", "field-invalid spec.sidecar.ecdhCurves[1]"],
    );
    assert.match(parsed.findings[0]?.message ?? "", /ECDHE-ECDSA-AES128-GCM-SHA256.*RC4-MD5/);
  });

  it("drops an ingress gateway that lacks what it must have, and says it once", () => {
    const parsed = config({ certificate: { ingressGateway: { subjectAltNames: [3], secret: { name: "s" } } } });
    assert.ok(parsed.ok);
    assert.equal(parsed.value.certificate.ingressGateway, undefined);
    assert.deepEqual(
      parsed.findings.map(({ path }) => path),
      ["spec.certificate.ingressGateway.secret.namespace", "spec.certificate.ingressGateway.subjectAltNames[0]"],
    );
  });

  // As a YAML alias can make it.
  it("survives a value that contains itself", () => {
    const loop: Record<string, unknown> = { logLevel: 3 };
    loop["resources"] = { limits: {}, loop };
    loop["self"] = loop;
    const parsed = config({ sidecar: loop });
    assert.ok(parsed.ok);
    assert.deepEqual(
      parsed.findings.map(({ path }) => path),
      ["spec.sidecar.logLevel", "spec.sidecar.resources.loop", "spec.sidecar.self"],
    );
  });

  it("refuses a newest TLS version below the oldest", () => {
    const parsed = config({ sidecar: { tlsMinProtocolVersion: "TLSv1_3", tlsMaxProtocolVersion: "TLSv1_1" } });
    assert.ok(parsed.ok);
    assert.equal(parsed.value.sidecar.tlsMaxProtocolVersion, "TLSv1_3");
    assert.deepEqual(
      parsed.findings.map(({ code, path }) => [code, path]),
      [["field-invalid", "spec.sidecar.tlsMaxProtocolVersion"]],
    );
  });

  it("warns of a misspelt field", () => {
    const parsed = config({ traffic: { enableEgres: true } });
    assert.deepEqual(
      parsed.findings.map(({ code, path }) => [code, path]),
      [["field-unknown", "spec.traffic.enableEgres"]],
    );
  });

  for (const [title, spec] of [
    ["a list", []],
    ["a text", "x"],
  ] as const) {
    it(`refuses ${title} for a spec: that would set everything at once`, () => {
      assert.equal(config(spec).ok, false);
    });
  }
});
