import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { meshConfig, SETTINGS, UUID } from "../../../test/support/injection-cases.ts";
import { Redacted } from "../base/redacted.ts";
import { NO_PROBES } from "../ir/probe.ts";
import { buildBootstrapSecret, secretManifest } from "./bootstrap-secret.ts";
import { MOST_PROBES } from "./names.ts";
import type { SidecarStart } from "./outcome.ts";

const CREDENTIAL = { chain: "CHAIN", key: new Redacted("THE KEY"), roots: "ROOTS", issuerId: "abc" };
/** What Kubernetes lets a Secret hold. */
const SECRET_BYTES = 1024 * 1024;

function secretFor(start: Partial<SidecarStart>) {
  return buildBootstrapSecret({
    proxy: { uuid: UUID, serviceAccount: { namespace: "shop", name: "web.v1" } },
    credential: CREDENTIAL,
    start: { serviceAccount: "web.v1", probes: NO_PROBES, native: false, ...start },
    mesh: meshConfig({ sidecar: { tlsMinProtocolVersion: "TLSv1_3" } }),
    settings: SETTINGS,
  });
}

function filesFor(start: Partial<SidecarStart>): Readonly<Record<string, string>> {
  return secretFor(start).data.reveal();
}

describe("buildBootstrapSecret", () => {
  it("has the keys that OSM's had, in the pod's namespace", () => {
    const secret = secretFor({});
    assert.equal(secret.namespace, "shop");
    assert.equal(secret.name, `envoy-bootstrap-config-${UUID}`);
    assert.deepEqual(Object.keys(secret.data.reveal()).sort(), [
      "bootstrap.yaml",
      "cacert.pem",
      "sds_cert.pem",
      "sds_key.pem",
      "signing_issuer_id",
      "tls_certificate_sds_secret.yaml",
      "validating_issuer_id",
      "validation_context_sds_secret.yaml",
    ]);
    assert.equal(secret.data.reveal()["sds_key.pem"], "THE KEY");
  });

  it("shows its key to no log", () => {
    const secret = secretFor({});
    for (const shown of [JSON.stringify(secret), String(secret.data), inspect(secret, { depth: 9 })])
      assert.ok(!shown.includes("THE KEY"), shown);
    assert.ok(JSON.stringify(secretManifest(secret)).includes("THE KEY"));
  });

  it("says who the proxy is and where it asks, with the MeshConfig's TLS", () => {
    const bootstrap = JSON.parse(filesFor({})["bootstrap.yaml"] ?? "");
    assert.deepEqual(bootstrap.node, { id: `${UUID}.sidecar.web.v1.shop.cluster.local`, cluster: "web.v1.shop" });
    const text = JSON.stringify(bootstrap);
    assert.match(text, /osm-controller\.osm-system\.svc\.cluster\.local/);
    assert.match(text, /"ads\.cluster\.local"/);
    assert.match(text, /"tls_minimum_protocol_version":"TLSv1_3"/);
  });

  it("waits for its configuration as long as it takes where others wait for it, and there alone", () => {
    for (const [native, timeout] of [
      [true, "0s"],
      [false, undefined],
    ] as const) {
      const { dynamic_resources } = JSON.parse(filesFor({ native })["bootstrap.yaml"] ?? "");
      for (const source of [dynamic_resources.lds_config, dynamic_resources.cds_config])
        assert.equal(source.initial_fetch_timeout, timeout);
    }
  });

  it("has a listener that says when the proxy is ready, even without probes", () => {
    const { static_resources } = JSON.parse(filesFor({})["bootstrap.yaml"] ?? "");
    const ports = static_resources.listeners.map(
      (one: { address: { socket_address: { port_value: number } } }) => one.address.socket_address.port_value,
    );
    assert.deepEqual(ports, [15904]);
  });

  it("fits into a Secret with the most probes that a pod may have", () => {
    const indices = Array.from({ length: MOST_PROBES }, (_, i) => i);
    const tcp = indices.map((i) => ({ port: i + 1, interval: 1000, timeout: 1000 }));
    const http = indices.map((i) => ({
      kind: "liveness" as const,
      container: `container-${i}`,
      scheme: "HTTPS" as const,
      path: "/a/path/of/usual/length",
      port: i + 1,
      timeout: 1000,
    }));
    for (const probes of [
      { ...NO_PROBES, tcp },
      { ...NO_PROBES, http },
    ]) {
      const bytes = Object.values(filesFor({ probes })).join("").length;
      assert.ok(bytes < SECRET_BYTES, `${bytes} bytes`);
    }
  });

  it("is an object as the API server takes it", () => {
    const { stringData, ...rest } = secretManifest(secretFor({}));
    assert.ok(stringData);
    assert.deepEqual(rest, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: `envoy-bootstrap-config-${UUID}`,
        namespace: "shop",
        labels: {
          "app.kubernetes.io/name": "openservicemesh.io",
          "app.kubernetes.io/instance": "osm",
          "app.kubernetes.io/version": "2.0.0",
          "osm-proxy-uuid": UUID,
        },
      },
      type: "Opaque",
    });
  });
});
