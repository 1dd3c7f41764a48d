import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { Authority } from "../ca/authority.ts";
import { openBuiltin } from "../ca/providers/builtin.ts";
import { OpensslCa } from "../ca/testing/openssl-ca.ts";
import { Redacted } from "../core/base/redacted.ts";
import { planOf } from "../rotation/plan.ts";
import { type RootSource, steadyOn } from "../rotation/record.ts";
import { openAccess } from "../sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../sources/kubernetes/client.ts";
import { SERVER_SECRETS, serverSecret } from "./server-secret.ts";

const SECRETS = "/api/v1/secrets";
const NAMESPACE = "osm-system";
const NAMES = ["ads.cluster.local", "ads.mesh.example"] as const;
const VAULT: RootSource = { kind: "vault", settings: {} };
const HOUR = 3_600_000;

describe("a server's certificate in a Secret", () => {
  const openssl = new OpensslCa();
  let server: FakeApiServer;
  let client: KubernetesClient;
  before(async () => {
    server = await FakeApiServer.start();
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
  });
  beforeEach(() => server.serveKind(SECRETS, "Secret"));
  after(async () => {
    client.close();
    await server.stop();
    openssl.remove();
  });

  /** A mesh under a root of that name, signed by `source`. */
  async function mesh(name: string, source: RootSource = VAULT) {
    const { certificate, key } = openssl.root(name);
    const provider = await openBuiltin({ certificate, privateKey: new Redacted(key) }, Date.now);
    const authority = new Authority({ provider, trustDomain: "cluster.local", now: Date.now });
    const certificates = authority.trustBundle();
    const record = steadyOn({ name, source, trustDomain: "cluster.local", certificates: [...certificates] }, 0);
    const roots = () => ({ plan: planOf(record), trusted: [{ name, issuerId: authority.issuerId, certificates }] });
    const keep = serverSecret({ client, namespace: NAMESPACE, name: SERVER_SECRETS.xds, roots });
    const issue = (dnsNames: readonly [string, ...string[]] = NAMES, life = HOUR) =>
      authority.issue({ kind: "server", dnsNames }, life);
    return { keep, issue };
  }

  it("is read as it was written, the later one in place of the first", async () => {
    const { keep, issue } = await mesh("a");
    assert.equal(await keep.read(NAMES), undefined);
    await keep.write(await issue());
    const leaf = await issue();
    await keep.write(leaf);
    const kept = await keep.read(NAMES);
    assert.deepEqual(
      [kept?.chain, kept?.key.reveal(), kept?.issuerId, kept?.notAfter, kept?.version],
      [leaf.chain, leaf.key.reveal(), leaf.issuerId, leaf.notAfter, leaf.version],
    );
  });

  it("is of no use under another root, without a name, after its end, or without its key", async () => {
    const { keep, issue } = await mesh("a");
    const other = await mesh("b");
    await keep.write(await issue());
    assert.equal(await other.keep.read(NAMES), undefined);
    assert.equal(await keep.read([...NAMES, "ads.new.example"]), undefined);
    await keep.write({ ...(await issue()), key: (await issue()).key });
    assert.equal(await keep.read(NAMES), undefined);
    await keep.write({ ...(await issue()), key: new Redacted("no key at all") });
    assert.equal(await keep.read(NAMES), undefined);
    const short = await issue(NAMES, 1000);
    await keep.write(short);
    await new Promise((resolve) => setTimeout(resolve, short.notAfter - Date.now() + 1000));
    assert.equal(await keep.read(NAMES), undefined);
  });

  it("is not kept where the root is the mesh's own", async () => {
    const { keep, issue } = await mesh("a", { kind: "builtin", store: "osm-ca-bundle" });
    await keep.write(await issue());
    assert.equal(server.get(SECRETS, `${NAMESPACE}/${SERVER_SECRETS.xds}`), undefined);
  });
});
