/** Fields of the MeshConfig on proxies that run: what takes effect at once, and what says that it needs new pods. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { CURVE_NAMES, distinctCurves, forBothKindsOfKeys, SUITE_NAMES } from "../../src/core/model/tls-names.ts";
import { TestMesh } from "../support/mesh.ts";
import { statistic } from "../support/statistics.ts";
import { app, client, type Manifest, namespace, service } from "../support/workloads.ts";
import { envoyFromEnvironment, validateText } from "./validate.ts";

const URL = "http://api.shop:8080/x";
const ALICE = { namespace: "people", name: "alice" };
const BOB = client({ namespace: "people", name: "bob" });
const SOON = 3000;
/** Envoy dials again within 30 s. */
const DIALS_AGAIN = 35_000;

function config(sidecar: Readonly<Record<string, unknown>> = {}, traffic: Readonly<Record<string, unknown>> = {}) {
  return {
    apiVersion: "config.openservicemesh.io/v1alpha2",
    kind: "MeshConfig",
    metadata: { namespace: "osm-system", name: "osm-mesh-config" },
    spec: { sidecar, traffic: { enablePermissiveTrafficPolicyMode: true, ...traffic } },
  } satisfies Manifest;
}

const MANIFESTS = [
  namespace("shop"),
  namespace("people"),
  namespace("outside", "outside"),
  config(),
  ...client(ALICE),
  ...client({ namespace: "outside", name: "eve" }),
  ...app({ namespace: "shop", name: "api", run: { app: ["http-echo", "--port", "8080"] }, port: 8080 }),
  service({ namespace: "shop", name: "api" }, [{ port: 8080, appProtocol: "http" }]),
];

describe("MeshConfig", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
  });
  after(() => mesh?.stop());

  async function findings(code: string): Promise<readonly string[]> {
    const { stdout } = await mesh.osm("status", "--json");
    const all = JSON.parse(stdout).findings as readonly { readonly text: string; readonly code?: string }[];
    return all.filter((one) => one.code === code).map(({ text }) => text);
  }

  async function isServed(): Promise<void> {
    assert.equal((await mesh.get("people/alice", URL)).status, 200);
  }

  /** What a client without a certificate is told that offers one version of TLS alone. */
  async function offer(version: "tls1_2" | "tls1_3"): Promise<string> {
    const { pods } = await mesh.status();
    const ip = pods.find(({ namespace: ns }) => ns === "shop")?.ip ?? "";
    const asProxy = "-servername api.shop.svc.cluster.local -alpn osm";
    const command = `openssl s_client -connect ${ip}:8080 ${asProxy} -${version} </dev/null 2>&1`;
    const { stdout } = await mesh.exec("outside/eve", "timeout", "5", "sh", "-c", command);
    return stdout;
  }

  const ofApi = (name: string) => statistic(mesh, "shop/api", `listener.0.0.0.0_15003.ssl.${name}`);

  it("changes the bounds of TLS and its ciphers under load, and they are in force [e2e_envoy_max_mtls_version]", async () => {
    const load = mesh.load("people/alice", { url: URL, perSecond: 20, seconds: 15 });
    // As a user of OSM wrote it, for certificates with RSA keys.
    const cipherSuites = ["ECDHE-RSA-AES256-GCM-SHA384"];
    assert.equal(await ofApi("versions.TLSv1.2"), 0);
    await mesh.apply(config({ tlsMaxProtocolVersion: "TLSv1_2", cipherSuites }));
    await mesh.eventually("calls use TLS 1.2", SOON, async () => {
      assert.ok((await ofApi("versions.TLSv1.2")) > 0);
      assert.ok((await ofApi("ciphers.ECDHE-ECDSA-AES256-GCM-SHA384")) > 0);
    });
    assert.match(await offer("tls1_3"), /alert protocol version/);
    await mesh.apply(config());
    await mesh.eventually("both versions are taken", SOON, async () => {
      assert.doesNotMatch(await offer("tls1_3"), /alert protocol version/);
    });
    await mesh.apply(config({ tlsMinProtocolVersion: "TLSv1_3" }));
    await mesh.eventually("TLS 1.2 is refused", SOON, async () => {
      assert.match(await offer("tls1_2"), /alert protocol version/);
    });
    assert.doesNotMatch(await offer("tls1_3"), /alert protocol version/);
    await isServed();
    const { requests, outcomes, failures } = await load;
    assert.deepEqual(outcomes, { 200: requests }, JSON.stringify(failures));
    await mesh.apply(config());
  });

  it("takes the names of ciphers and curves that we let through, all of them, and none of those that we do not", async () => {
    const verdict = (ciphers: readonly string[], curves: readonly string[]) =>
      validateText(bootstrapWith(ciphers, curves), envoyFromEnvironment());
    const groups = [`[${SUITE_NAMES.join("|")}]`];
    const good = await verdict(forBothKindsOfKeys([...SUITE_NAMES, ...groups]), distinctCurves(CURVE_NAMES));
    assert.ok(good.accepted, good.output);
    assert.equal((await verdict(["RC4-MD5"], [])).accepted, false);
    assert.equal((await verdict([], ["P256"])).accepted, false);
  });

  it("makes a wrong name a finding, and no proxy refuses anything", async () => {
    const sidecar = { cipherSuites: ["RC4-MD5", "ECDHE-ECDSA-AES128-GCM-SHA256"], ecdhCurves: ["P256", "P-256"] };
    await mesh.apply(config({ ...sidecar, tlsMaxProtocolVersion: "TLSv1_2" }));
    await mesh.eventually("the right names are in force", SOON, async () => {
      await isServed();
      assert.ok((await ofApi("ciphers.ECDHE-ECDSA-AES128-GCM-SHA256")) > 0);
      assert.ok((await ofApi("curves.P-256")) > 0);
    });
    const found = (await findings("field-invalid")).join("\n");
    assert.match(found, /cipherSuites\[0\].*RC4-MD5/);
    assert.match(found, /ecdhCurves\[0\].*P256/);
    assert.deepEqual(await findings("proxy-rejected"), []);
    await mesh.apply(config());
  });

  it("refuses the proxy above maxDataPlaneConnections, names it, and lets it in when it is raised", async () => {
    await mesh.apply(config({ maxDataPlaneConnections: 2 }));
    await mesh.apply(...BOB);
    await mesh.eventually("bob waits outside, by name", 20_000, async () => {
      assert.match((await findings("proxy-limit")).join("\n"), /maxDataPlaneConnections: is 2, .*people\/bob-/);
    });
    assert.equal((await mesh.status()).pods.find(({ name }) => name.startsWith("bob"))?.ready, false);
    await isServed();
    await mesh.apply(config({ maxDataPlaneConnections: 3 }));
    await mesh.eventually("bob is in", DIALS_AGAIN, async () => {
      assert.equal((await mesh.get("people/bob", URL)).status, 200);
    });
    assert.deepEqual(await findings("proxy-limit"), []);
    await mesh.delete(...BOB);
  });

  it("names the pods that were injected with other settings, in one finding a field, until they are restarted", async () => {
    await mesh.eventually("bob is gone", 20_000, async () => {
      assert.ok((await mesh.status()).pods.every(({ name }) => !name.startsWith("bob")));
    });
    assert.deepEqual(await findings("pods-need-restart"), []);
    await mesh.apply(config({ logLevel: "info" }, { outboundPortExclusionList: [9999] }));
    await mesh.eventually("both fields are told of", SOON, async () => {
      const [ports = "", level = "", ...more] = (await findings("pods-need-restart")).toSorted().toReversed();
      assert.match(ports, /outboundPortExclusionList: is \[9999\], but 2 pods were .*people\/alice-.*shop\/api-/);
      assert.match(level, /logLevel: is "info", but 2 pods were .*people\/alice-.*"error".*; restart them/);
      assert.deepEqual(more, []);
    });
    await isServed();
    await mesh.delete(...client(ALICE));
    await mesh.eventually("alice is gone", 20_000, async () => {
      assert.ok((await mesh.status()).pods.every(({ name }) => !name.startsWith("alice")));
    });
    await mesh.apply(...client(ALICE));
    await mesh.eventually("the new pod has what the MeshConfig says", 20_000, async () => {
      await isServed();
      const found = (await findings("pods-need-restart")).join("\n");
      assert.match(found, /logLevel: is "info", but 1 pod was .*shop\/api-/);
      assert.doesNotMatch(found, /alice/);
    });
  });
});

function bootstrapWith(cipherSuites: readonly string[], ecdhCurves: readonly string[]): string {
  return JSON.stringify({
    static_resources: {
      clusters: [
        {
          name: "any",
          type: "STATIC",
          load_assignment: { cluster_name: "any", endpoints: [] },
          transport_socket: {
            name: "tls",
            typed_config: {
              "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
              common_tls_context: { tls_params: { cipher_suites: cipherSuites, ecdh_curves: ecdhCurves } },
            },
          },
        },
      ],
    },
  });
}
