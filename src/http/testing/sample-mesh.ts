/**
 * A small mesh for tests of the API, in the wrong order everywhere.
 *
 * @module
 */
import { finding } from "../../core/base/finding.ts";
import type { ProxyState } from "../../engine/engine.ts";
import type { CertificateFacts, MeshView } from "../api/mesh-view.ts";
import type { RotationState } from "../api/rotation.ts";
import type { RotationLevers } from "../api/rotation-levers.ts";

export const WEB_UUID = "11111111-1111-4111-8111-111111111111";
export const API_UUID = "22222222-2222-4222-8222-222222222222";

const web: ProxyState = {
  uuid: WEB_UUID,
  namespace: "shop",
  pod: "web-1",
  serviceAccount: "web",
  connected: true,
  started: true,
  inSync: false,
  connection: { since: Date.UTC(2026, 10, 23), protocol: "delta" },
  acknowledged: [
    { kind: "secret", version: "s1", current: true },
    { kind: "listener", version: "l1", current: false },
  ],
  rejections: [{ kind: "listener", version: "l2", names: ["outbound-listener"], message: "bad listener" }],
};

const api: ProxyState = {
  uuid: API_UUID,
  namespace: "books",
  pod: "api-1",
  serviceAccount: "api",
  connected: false,
  started: true,
  inSync: false,
  acknowledged: [],
  rejections: [],
};

const facts = (fingerprint: string, name: string): CertificateFacts => ({
  serial: "0a",
  subject: `CN=${name}`,
  issuer: "CN=root",
  dnsSans: [`${name}.cluster.local`],
  uriSans: [],
  notBefore: Date.UTC(2026, 10, 23),
  notAfter: Date.UTC(2026, 10, 24),
  keyAlgorithm: "ECDSA P-256",
  fingerprint,
});

const ROOT_PEM = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
const INTERMEDIATE_PEM = "-----BEGIN CERTIFICATE-----\nMAI=\n-----END CERTIFICATE-----\n";
const LEAF_PEM = "-----BEGIN CERTIFICATE-----\nMAE=\n-----END CERTIFICATE-----\n";

/** Levers that move nothing; each says that it did. */
export function sampleRotation(overrides: Partial<RotationLevers> = {}): RotationLevers {
  const state: RotationState = {
    phase: "trusting",
    step: 3,
    since: Date.UTC(2026, 10, 23),
    from: { name: "old", provider: "builtin", trustDomain: "cluster.local" },
    to: { name: "new", provider: "vault", trustDomain: "cluster.local" },
    until: "steady",
    proxies: 2,
    passed: 0,
    laggards: [
      { kind: "proxy", name: "shop/web-1", uuid: WEB_UUID, connected: true, reason: "is slow" },
      { kind: "replica", name: "osm-b", uuid: "", connected: true, reason: "is behind" },
    ],
  };
  const done = async () => ({ ok: true as const, state });
  const forget = async (root: string) => ({ ok: true as const, state: [`Secret osm-system/${root}`] });
  return { state: () => state, start: done, rollBack: done, finish: done, forget, ...overrides };
}

const about = { kind: "TrafficTarget", namespace: "shop", name: "web" };

export function sampleMesh(overrides: Partial<MeshView> = {}): MeshView {
  return {
    version: { version: "2.0.0", gitCommit: "abc", buildDate: "2026-11-23T00:00:00Z", runtime: "bun 1.4.5" },
    mode: () => "smi",
    proxies: () => [web, api],
    findings: () => [
      finding("target-rules-empty", about, "spec.rules", "has no rules"),
      finding("field-unknown", about, "spec.rule", "is not a field"),
      finding("port-udp", { kind: "Service", namespace: "dns", name: "kube" }, "", "is UDP"),
    ],
    compiles: () => ({ failures: 1, failing: false }),
    replicas: () => [
      { name: "osm-b", leader: false, self: true },
      { name: "osm-a", leader: true, self: false },
    ],
    sources: () => [
      { kind: "Service", state: "away", since: 5000, lastEventAt: 4000, objects: 3, error: "timed out" },
      { kind: "Pod", state: "listing", since: 1000, objects: 0 },
    ],
    certificates: async () => ({
      roots: [
        {
          facts: facts("ff", "root"),
          signing: true,
          pem: ROOT_PEM,
          jwk: { kty: "EC", crv: "P-256", x: "eA", y: "eQ" },
        },
      ],
      intermediates: [
        { facts: facts("e2", "issuing-b"), root: "ff", pem: INTERMEDIATE_PEM },
        { facts: facts("e1", "issuing-a"), root: "ff", pem: INTERMEDIATE_PEM },
      ],
      providers: [
        {
          name: "vault",
          signing: true,
          outage: { since: Date.UTC(2026, 10, 23), lasted: 90_400, kind: "sealed", failures: 4 },
        },
        { name: "builtin", signing: false, outage: undefined },
      ],
      leaves: [
        {
          serviceAccount: { namespace: "shop", name: "web" },
          facts: facts("01", "web.shop"),
          root: "ff",
          pem: LEAF_PEM,
        },
        {
          serviceAccount: { namespace: "books", name: "api" },
          facts: facts("02", "api.books"),
          root: "ff",
          pem: LEAF_PEM,
        },
      ],
    }),
    rotation: sampleRotation(),
    ...overrides,
  };
}
