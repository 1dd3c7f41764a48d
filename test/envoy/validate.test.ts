import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.ts";
import { BOOTSTRAP_FILES, buildBootstrapFiles } from "../../src/core/envoy/bootstrap.ts";
import { buildConfig, type EnvoyConfig } from "../../src/core/envoy/config.ts";
import { objectsCases } from "../golden/objects-case.ts";
import { readIr, renderCases } from "../golden/render-case.ts";
import { compileObjects } from "../simulate/compiled.ts";
import { envoyFromEnvironment, throwAway, validateText, validateWithEnvoy } from "./validate.ts";

const TRUST = Object.freeze({ pem: "replaced by a real root\n" });
const TLS = { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: [], ecdhCurves: [] } as const;

/** Envoy still takes them for now; a later one will not. */
const DEPRECATED = /deprecated|unknown field/i;

describe("a real Envoy takes", () => {
  for (const golden of renderCases()) {
    it(golden.name, async () => {
      const { accepted, output } = await validateWithEnvoy(buildConfig(readIr(golden), TRUST), envoyFromEnvironment());
      assert.ok(accepted, output);
      assert.doesNotMatch(output, DEPRECATED);
    });
  }

  for (const { golden, pod, objects } of objectsCases()) {
    it(`${golden.name}, compiled from objects`, async () => {
      const config = compileObjects(objects).configs.get(pod);
      assert.ok(config !== undefined);
      const { accepted, output } = await validateWithEnvoy(config, envoyFromEnvironment());
      assert.ok(accepted, output);
      assert.doesNotMatch(output, DEPRECATED);
    });
  }

  for (const [what, host, protocol] of [
    ["by name, delta", "osm-controller.osm-system.svc.cluster.local", "delta"],
    ["by address, state of the world", "10.0.0.1", "sotw"],
  ] as const) {
    it(`the bootstrap: a control plane ${what}`, async () => {
      const { root, certificate, key } = await throwAway();
      const files = buildBootstrapFiles({
        nodeId: "proxy",
        cluster: "account.namespace",
        xds: { host, port: 15128, serverName: "ads.cluster.local" },
        adminPort: 15000,
        tls: TLS,
        protocol,
        directory: "{directory}",
      });
      const { accepted, output } = await validateText(files[BOOTSTRAP_FILES.bootstrap] ?? "", envoyFromEnvironment(), {
        ...files,
        [BOOTSTRAP_FILES.roots]: root,
        [BOOTSTRAP_FILES.certificate]: certificate,
        [BOOTSTRAP_FILES.key]: key.reveal(),
      });
      assert.ok(accepted, output);
      assert.doesNotMatch(output, DEPRECATED);
    });
  }
});

describe("a real Envoy refuses", () => {
  const empty: EnvoyConfig = { clusters: [], endpoints: [], listeners: [], routes: [], secrets: [] };

  it("a listener without an address, so it does look", async () => {
    const config = { ...empty, listeners: [create(ListenerSchema, { name: "nowhere" })] };
    const { accepted, output } = await validateWithEnvoy(config, envoyFromEnvironment());
    assert.equal(accepted, false);
    assert.match(output, /nowhere/);
  });

  it("a route table with one domain in two virtual hosts, so route tables are looked at too", async () => {
    const golden = renderCases().find(({ name }) => name === "permissive-http");
    assert.ok(golden !== undefined);
    const ir = readIr(golden);
    const routeTables = ir.routeTables.map((table) => ({
      ...table,
      virtualHosts: [...table.virtualHosts, ...table.virtualHosts.map((host) => ({ ...host, name: `${host.name}-2` }))],
    }));
    const { accepted, output } = await validateWithEnvoy(
      buildConfig({ ...ir, routeTables }, TRUST),
      envoyFromEnvironment(),
    );
    assert.equal(accepted, false);
    assert.match(output, /unique|domain/i);
  });
});
