import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import type { ProviderSpec } from "../ca/providers/choose.ts";
import { openAccess } from "../sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../sources/kubernetes/client.ts";
import { createLogger } from "../telemetry/logger.ts";
import { clusterRoots } from "./cluster-roots.ts";

const NAMESPACE = "osm-system";
const SECRETS = "/api/v1/secrets";
const RECORD = `${NAMESPACE}/osm-root-rotation`;

describe("the roots of a cluster's mesh", () => {
  let server: FakeApiServer;
  let client: KubernetesClient;
  before(async () => {
    server = await FakeApiServer.start();
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
  });
  beforeEach(() => {
    server.serveKind(SECRETS, "Secret");
    server.serveKind("/api/v1/configmaps", "ConfigMap");
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  async function open(secret = "osm-ca-bundle", trustDomain = "cluster.local") {
    const said: string[] = [];
    const log = createLogger((line) => said.push(line));
    const spec: ProviderSpec = { kind: "tresor", secret: { namespace: NAMESPACE, name: secret } };
    const settings = { meshName: "osm", meshNamespace: NAMESPACE, trustDomain };
    const certificates = { spec, vault: {}, vaultToken: undefined };
    const roots = clusterRoots({ client, options: { settings, certificates }, log });
    const rotator = await roots.open();
    return { rotator, said: said.join("") };
  }

  it("are made once, and written down at the first start", async () => {
    const { rotator } = await open("my-own-root");
    const { record } = rotator.roots();
    assert.ok(record.phase === "steady");
    assert.deepEqual([record.step, record.root.name, record.root.certificates.length], [0, "my-own-root", 1]);
    assert.ok(server.get("/api/v1/configmaps", RECORD) !== undefined);
    const again = (await open("my-own-root")).rotator.roots();
    assert.deepEqual(again.record, record);
  });

  it("are written down once by two replicas that start together", async () => {
    const [one, two] = await Promise.all([open(), open()]);
    assert.deepEqual(one.rotator.roots().record, two.rotator.roots().record);
  });

  it("are not replaced by an overwritten Secret: every proxy would be cut off", async () => {
    await open();
    const stored = server.get(SECRETS, `${NAMESPACE}/osm-ca-bundle`);
    server.serveKind(SECRETS, "Secret");
    await assert.rejects(open(), /the Secret osm-system\/osm-ca-bundle of the root osm-ca-bundle is gone: put it back/);
    assert.equal(server.get(SECRETS, `${NAMESPACE}/osm-ca-bundle`), undefined, "another root was made in its place");
    assert.ok(stored !== undefined);
    server.put(SECRETS, stored);
    await open();
  });

  it("begin to move to the root that other flags name, as nobody rotated before", async () => {
    const { rotator } = await open();
    const { rotator: next, said } = await open("other");
    const { record } = next.roots();
    assert.ok(record.phase === "trusting");
    assert.deepEqual([record.from.name, record.to.name, record.until], ["osm-ca-bundle", "other", "steady"]);
    assert.match(said, /a rotation to it begins/);
    // The replica that has the flags of before follows, and starts none of its own.
    await rotator.refresh();
    assert.deepEqual(rotator.roots().record, record);
    assert.deepEqual((await open()).rotator.roots().record, record);
  });

  it("stay in their trust domain, whatever the flag says later", async () => {
    await open();
    const { rotator, said } = await open("osm-ca-bundle", "mesh.example");
    assert.equal(rotator.roots().plan.signing.trustDomain, "cluster.local");
    assert.match(said, /osm certificate rotate --trust-domain/);
  });
});
