import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { OutboundChain } from "../ir/listener.ts";
import { PLAIN_OBSERVATION } from "../ir/observation.ts";
import type { ProxyIr } from "../ir/proxy.ts";
import type { Upstream } from "../ir/upstream.ts";
import { buildConfig } from "./config.ts";
import { checkConsistent, InconsistentConfig } from "./consistency.ts";

const SECRET = "root-cert-for-mtls-outbound:a/b";
const HTTP: OutboundChain = {
  name: "outbound_a/b_80_http",
  port: 80,
  addresses: ["10.0.0.1", "10.0.0.2"],
  target: { kind: "http", routeTable: "rds-outbound.80" },
};
const UPSTREAM: Upstream = { kind: "mesh", name: "a/b|80", sni: "b.a", peers: { kind: "these", secret: SECRET } };
const ROUTE = { match: { pathRegex: ".*", headers: [] }, clusters: [{ cluster: "a/b|80", weight: 100 }] };
const HOST = { name: "h", domains: ["b", "b:80"], routes: [ROUTE] };

const GOOD = {
  serviceAccount: { namespace: "a", name: "one" },
  tls: { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: [], ecdhCurves: [] },
  observation: PLAIN_OBSERVATION,
  outbound: { passthrough: false, serverFirstPorts: [], egress: [], chains: [HTTP] },
  routeTables: [{ name: "rds-outbound.80", virtualHosts: [HOST] }],
  upstreams: [UPSTREAM],
  endpointSets: [{ cluster: "a/b|80", endpoints: [] }],
  trustedPeers: [{ secret: SECRET, names: ["b.a.cluster.local"] }],
  metrics: false,
} satisfies ProxyIr;

function outbound(...chains: OutboundChain[]): Partial<ProxyIr> {
  return { outbound: { ...GOOD.outbound, chains: [HTTP, ...chains] } };
}

const PLANTED: Readonly<Record<string, { change: Partial<ProxyIr>; says: RegExp }>> = {
  "an EDS cluster without load assignment": {
    change: { endpointSets: [] },
    says: /EDS cluster needs load assignment a\/b\|80/,
  },
  "a load assignment without cluster": {
    change: { endpointSets: [...GOOD.endpointSets, { cluster: "a/gone|80", endpoints: [] }] },
    says: /load assignment a\/gone\|80 belongs to no EDS cluster/,
  },
  "a route table that nobody reads": {
    change: { routeTables: [...GOOD.routeTables, { name: "rds-outbound.81", virtualHosts: [] }] },
    says: /route configuration rds-outbound\.81 belongs to no connection manager/,
  },
  "a chain whose route table is missing": {
    change: { routeTables: [] },
    says: /needs route configuration rds-outbound\.80/,
  },
  "a secret that is missing": { change: { trustedPeers: [] }, says: /cluster a\/b\|80 needs secret root-cert.*a\/b/ },
  "a route to a cluster that is missing": {
    change: { upstreams: [], endpointSets: [] },
    says: /route configuration rds-outbound\.80 needs cluster a\/b\|80/,
  },
  "a TCP chain to a cluster that is missing": {
    change: outbound({
      name: "t",
      port: 9,
      addresses: ["10.0.0.9"],
      target: { kind: "tcp", clusters: [{ cluster: "a/x|9", weight: 1 }] },
    }),
    says: /listener outbound-listener needs cluster a\/x\|9/,
  },
  "a passthrough without its cluster": {
    change: { outbound: { ...GOOD.outbound, passthrough: true } },
    says: /needs cluster passthrough-outbound/,
  },
  "a metrics listener without its cluster": { change: { metrics: true }, says: /needs cluster envoy-metrics-cluster/ },
  "one domain in two virtual hosts, whatever its case": {
    change: {
      routeTables: [{ name: "rds-outbound.80", virtualHosts: [HOST, { ...HOST, name: "g", domains: ["B"] }] }],
    },
    says: /domain of rds-outbound\.80 b is there twice/,
  },
  "two chains for one address and port": {
    change: outbound({ ...HTTP, name: "other", addresses: ["10.0.0.2"] }),
    says: /filter chains outbound_a\/b_80_http and other of outbound-listener both match port 80 address 10\.0\.0\.2\/32/,
  },
  "two clusters of one name": { change: { upstreams: [UPSTREAM, UPSTREAM] }, says: /cluster a\/b\|80 is there twice/ },
};

describe("checkConsistent", () => {
  it("passes what holds together", () => checkConsistent(buildConfig(GOOD, { pem: "roots" })));

  for (const [what, { change, says }] of Object.entries(PLANTED)) {
    it(`names ${what}`, () => {
      const config = buildConfig({ ...GOOD, ...change }, { pem: "roots" });
      assert.throws(
        () => checkConsistent(config),
        (error: unknown) => error instanceof InconsistentConfig && says.test(error.message),
      );
    });
  }
});
