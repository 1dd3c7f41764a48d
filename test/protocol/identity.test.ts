/** Who gets in, and what a client gets that is not who it says. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { Connection, DeltaStream, eventually, SotwStream, within } from "../support/xds-client.ts";
import { type TestLeaf, testRoot } from "../support/xds-pki.ts";
import { resources, startWorld, type World } from "../support/xds-world.ts";

function codeOf(error: unknown): Code | undefined {
  return error instanceof ConnectError ? error.code : undefined;
}

describe("identity", () => {
  let world: World;
  before(async () => {
    world = await startWorld();
    world.cache.publish("victim", resources({ secret: { key: "the victim's key" }, cluster: { v: "1" } }));
    world.cache.publish("mallory", resources({ secret: { key: "mallory's own key" } }));
  });
  after(() => world.stop());

  /** Tries to get anything at all; true if the stream was opened for it. */
  async function isLetIn(leaf: TestLeaf | undefined): Promise<boolean> {
    const before = world.records.open;
    try {
      const connection = await Connection.open({ port: world.server.port, leaf, trustedRoot: world.root.pem });
      const stream = new DeltaStream(connection);
      stream.send("cluster");
      const first = await within(
        2000,
        stream.next().catch(() => undefined),
      );
      connection.close();
      return first !== undefined || world.records.open > before;
    } catch {
      return false;
    }
  }

  it("comes from the certificate: naming another node gets nothing of it", async () => {
    const connection = await world.connect("mallory");
    const delta = new DeltaStream(connection);
    const node = { id: "victim", cluster: "victim" };
    delta.send("secret", { node, resourceNamesSubscribe: ["key"] });
    const body = (await delta.accept("secret")).resources[0]?.resource?.value;
    assert.equal(new TextDecoder().decode(body), "mallory's own key");
    delta.send("cluster", { node });
    assert.deepEqual((await delta.accept("cluster")).resources, []);

    const sotw = new SotwStream(connection);
    sotw.send("secret", { node, resourceNames: ["key"] });
    assert.equal(new TextDecoder().decode((await sotw.accept("secret")).resources[0]?.value), "mallory's own key");
  });

  it("lets in a good certificate (or the refusals below would prove nothing)", async () => {
    assert.equal(await isLetIn(await world.root.issue("victim")), true);
  });

  it("refuses a client without a certificate", async () => {
    assert.equal(await isLetIn(undefined), false);
  });

  it("refuses an expired certificate", async () => {
    assert.equal(await isLetIn(await world.root.issue("victim", { life: -1000 })), false);
  });

  it("refuses a certificate of another root, even one of the same name", async () => {
    assert.equal(await isLetIn(await (await testRoot()).issue("victim")), false);
  });

  it("refuses whom the mesh does not know, with the reason", async () => {
    const stream = new DeltaStream(await world.connect("stranger-1"));
    stream.send("cluster");
    const error = await stream.ending();
    assert.equal(codeOf(error), Code.PermissionDenied);
    assert.match(String(error), /no pod for stranger-1/);
    assert.deepEqual(
      world.records.refusedAll.filter((line) => line.startsWith("stranger-1")),
      ["stranger-1: no pod for stranger-1"],
    );
  });

  it("ends the streams of a proxy that is removed", async () => {
    world.cache.publish("doomed", resources({ cluster: { a: "1" } }));
    const stream = new DeltaStream(await world.connect("doomed"));
    stream.send("cluster");
    await stream.accept("cluster");
    world.cache.remove("doomed");
    assert.equal(codeOf(await stream.ending()), Code.PermissionDenied);
  });

  it("changes certificate and roots for new handshakes, and leaves streams alone", async () => {
    const old = new DeltaStream(await world.connect("victim"));
    old.send("cluster");
    await old.accept("cluster");

    const nextRoot = await testRoot("next root");
    const own = await nextRoot.issue("ads.test");
    world.server.setTls({ ...own, trustedRoots: nextRoot.pem });
    const connection = await Connection.open({
      port: world.server.port,
      leaf: await nextRoot.issue("victim"),
      trustedRoot: nextRoot.pem,
    });
    const fresh = new DeltaStream(connection);
    fresh.send("cluster");
    await fresh.accept("cluster");
    connection.close();
    // A client of the old root: not verified by the server, nor does it trust the server's new certificate.
    const stale = await Connection.open({
      port: world.server.port,
      leaf: await world.root.issue("victim"),
      trustedRoot: nextRoot.pem,
    })
      .then(async (open) => {
        const stream = new DeltaStream(open);
        stream.send("cluster");
        return within(
          2000,
          stream.next().catch(() => undefined),
        );
      })
      .catch(() => undefined);
    assert.equal(stale, undefined);

    world.cache.publish("victim", resources({ cluster: { v: "2" } }));
    assert.equal((await old.accept("cluster")).resources[0]?.name, "v");
    world.server.setTls({ ...(await world.root.issue("ads.test")), trustedRoots: world.root.pem });
    await eventually(
      () => world.records.failures.every((error) => !/PRIVATE KEY/.test(String(error.stack))),
      "no key in an error",
    );
  });
});
