import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BOOTSTRAP_FILES, type BootstrapOptions, buildBootstrapFiles } from "./bootstrap.ts";

const OPTIONS: BootstrapOptions = {
  nodeId: "uuid.sidecar.account.namespace.cluster.local",
  cluster: "account.namespace",
  xds: { host: "osm-controller.osm-system.svc.cluster.local", port: 15128, serverName: "ads.cluster.local" },
  adminPort: 15000,
  tls: { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: ["abc"], ecdhCurves: ["XYZ"] },
  protocol: "delta",
};

/** What is at a path of the parsed bootstrap: `a.0.b`. */
function at(text: string | undefined, path: string): unknown {
  return path.split(".").reduce(
    (value: unknown, key) => {
      assert.ok(typeof value === "object" && value !== null, `nothing at ${key} of ${path}`);
      return Object.entries(value).find(([name]) => name === key)?.[1];
    },
    JSON.parse(text ?? ""),
  );
}

const TLS = "static_resources.clusters.0.transport_socket.typed_config";

describe("buildBootstrapFiles", () => {
  const files = buildBootstrapFiles(OPTIONS);
  const bootstrap = files[BOOTSTRAP_FILES.bootstrap];

  it("makes OSM's three files", () => {
    assert.deepEqual(Object.keys(files), [
      "bootstrap.yaml",
      "tls_certificate_sds_secret.yaml",
      "validation_context_sds_secret.yaml",
    ]);
  });

  it("says who the proxy is", () => {
    assert.deepEqual(at(bootstrap, "node"), { id: OPTIONS.nodeId, cluster: "account.namespace" });
  });

  it("expects the control plane's own name, which OSM did not", () => {
    const context = `${TLS}.common_tls_context.combined_validation_context.default_validation_context`;
    assert.deepEqual(at(bootstrap, `${context}.match_typed_subject_alt_names`), [
      { san_type: "DNS", matcher: { exact: "ads.cluster.local" } },
    ]);
    assert.equal(at(bootstrap, `${TLS}.sni`), "ads.cluster.local");
  });

  it("carries the mesh's TLS settings", () => {
    assert.deepEqual(at(bootstrap, `${TLS}.common_tls_context.tls_params`), {
      tls_minimum_protocol_version: "TLSv1_2",
      tls_maximum_protocol_version: "TLSv1_3",
      cipher_suites: ["abc"],
      ecdh_curves: ["XYZ"],
    });
  });

  it("asks in the protocol that was chosen", () => {
    assert.equal(at(bootstrap, "dynamic_resources.ads_config.api_type"), "DELTA_GRPC");
    const sotw = buildBootstrapFiles({ ...OPTIONS, protocol: "sotw" })[BOOTSTRAP_FILES.bootstrap];
    assert.equal(at(sotw, "dynamic_resources.ads_config.api_type"), "GRPC");
  });

  it("needs no resolver for an address", () => {
    assert.equal(at(bootstrap, "static_resources.clusters.0.type"), "LOGICAL_DNS");
    const direct = buildBootstrapFiles({ ...OPTIONS, xds: { ...OPTIONS.xds, host: "10.0.0.1" } });
    assert.equal(at(direct[BOOTSTRAP_FILES.bootstrap], "static_resources.clusters.0.type"), "STATIC");
  });

  it("opens the administration endpoint on loopback alone", () => {
    assert.deepEqual(at(bootstrap, "admin.address.socket_address"), { address: "127.0.0.1", port_value: 15000 });
  });

  it("reads certificates from files in its directory, and again when they are replaced", () => {
    const elsewhere = buildBootstrapFiles({ ...OPTIONS, directory: "/run/pod" });
    assert.deepEqual(at(elsewhere[BOOTSTRAP_FILES.certificateSecret], "resources.0.tls_certificate"), {
      certificate_chain: { filename: "/run/pod/sds_cert.pem" },
      private_key: { filename: "/run/pod/sds_key.pem" },
      watched_directory: { path: "/run/pod" },
    });
    assert.deepEqual(at(files[BOOTSTRAP_FILES.rootsSecret], "resources.0.validation_context"), {
      trusted_ca: { filename: "/etc/envoy/cacert.pem" },
      watched_directory: { path: "/etc/envoy" },
    });
    assert.doesNotMatch(JSON.stringify(elsewhere), /\/etc\/envoy/);
  });
});
