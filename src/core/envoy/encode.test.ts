import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PLAIN_OBSERVATION } from "../ir/observation.ts";
import type { TlsSettings } from "../ir/protocol.ts";
import type { ProxyIr } from "../ir/proxy.ts";
import type { MeshUpstream } from "../ir/upstream.ts";
import { type EncodedConfig, encodeConfig } from "./encode.ts";

const TLS: TlsSettings = { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: [], ecdhCurves: [] };
const TRUST = { pem: "roots" };
const SECRET = "root-cert-for-mtls-outbound:a/b";

const UPSTREAM: MeshUpstream = {
  kind: "mesh",
  name: "a/b|80",
  sni: "b.a.svc.cluster.local",
  peers: { kind: "these", secret: SECRET },
};

const IR: ProxyIr = {
  serviceAccount: { namespace: "a", name: "one" },
  tls: TLS,
  observation: PLAIN_OBSERVATION,
  outbound: {
    egress: [],
    passthrough: false,
    serverFirstPorts: [],
    chains: [
      {
        name: "outbound_a/b_80_http",
        port: 80,
        addresses: ["10.0.0.1"],
        target: { kind: "http", routeTable: "rds-outbound.80" },
      },
    ],
  },
  inbound: {
    ingress: [],
    chains: [
      {
        name: "inbound_a/b_80_tcp",
        port: 80,
        sni: "b.a.svc.cluster.local",
        access: { kind: "open" },
        target: { kind: "tcp", cluster: "a/b|80|local" },
      },
    ],
  },
  routeTables: [
    {
      name: "rds-outbound.80",
      virtualHosts: [
        {
          name: "h",
          domains: ["b"],
          routes: [{ match: { pathRegex: ".*", headers: [] }, clusters: [{ cluster: "a/b|80", weight: 100 }] }],
        },
      ],
    },
  ],
  upstreams: [UPSTREAM, { kind: "local", name: "a/b|80|local", port: 80 }],
  endpointSets: [{ cluster: "a/b|80", endpoints: [{ address: "10.1.0.1", port: 80 }] }],
  trustedPeers: [{ secret: SECRET, names: ["b.a.cluster.local"] }],
  metrics: false,
};

const KINDS = ["cluster", "endpoints", "listener", "route", "secret"] as const;

function resourcesOf(config: EncodedConfig): readonly object[] {
  return KINDS.flatMap((kind) => config[kind]);
}

/** `kind name` of what is not the very same object before and after. */
function changed(before: EncodedConfig, after: EncodedConfig): readonly string[] {
  const known = new Set(resourcesOf(before));
  return KINDS.flatMap((kind) => after[kind].filter((one) => !known.has(one)).map(({ name }) => `${kind} ${name}`));
}

describe("encodeConfig", () => {
  const first = encodeConfig(IR, TRUST);

  it("encodes all five kinds", () => {
    for (const kind of KINDS)
      assert.ok(first[kind].length > 0 && first[kind].every(({ body }) => body.length > 0), kind);
  });

  it("gives another proxy with the same parts the very same resources", () => {
    const other: ProxyIr = { ...IR, serviceAccount: { namespace: "z", name: "other" } };
    assert.deepEqual(changed(first, encodeConfig(other, TRUST)), []);
  });

  it("renders nothing but endpoints when only endpoints changed", () => {
    const scaled: ProxyIr = { ...IR, endpointSets: [{ cluster: "a/b|80", endpoints: [] }] };
    assert.deepEqual(changed(first, encodeConfig(scaled, TRUST)), ["endpoints a/b|80"]);
  });

  it("renders nothing but secrets when the roots changed", () => {
    assert.deepEqual(changed(first, encodeConfig(IR, { pem: "other roots" })), [
      "secret root-cert-for-mtls-inbound",
      `secret ${SECRET}`,
    ]);
  });

  it("renders what holds TLS settings when those changed, and nothing else", () => {
    const stricter: ProxyIr = { ...IR, tls: { ...TLS, minVersion: "TLSv1_3" } };
    assert.deepEqual(changed(first, encodeConfig(stricter, TRUST)), [
      "cluster a/b|80",
      "cluster a/b|80|local",
      "listener inbound-listener",
    ]);
  });

  it("gives equal bytes for equal values, so a restart pushes nothing", () => {
    assert.deepEqual(encodeConfig(structuredClone(IR), { ...TRUST }), first);
  });

  it("names no caller: another service account of the same reach has equal clusters", () => {
    const other: ProxyIr = { ...structuredClone(IR), serviceAccount: { namespace: "z", name: "other" } };
    assert.deepEqual(encodeConfig(other, TRUST), first);
  });
});
