import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { refuse } from "../../test/support/fake-api-answers.ts";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { makeRoot, openBuiltin, toSecretData } from "../ca/providers/builtin.ts";
import { RootRefused } from "../ca/refusal.ts";
import { openAccess } from "../sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../sources/kubernetes/client.ts";
import { KubernetesError } from "../sources/kubernetes/kubernetes-error.ts";
import { openRootSecret, ROOT_SECRET } from "./root-secret.ts";

const SECRETS = "/api/v1/secrets";
const NAMESPACE = "osm-system";

describe("root secret", () => {
  let server: FakeApiServer;
  let client: KubernetesClient;
  before(async () => {
    server = await FakeApiServer.start();
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
  });
  beforeEach(() => {
    server.serveKind(SECRETS, "Secret");
    server.faults.length = 0;
    server.requests.length = 0;
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  const open = () => openRootSecret({ client, namespace: NAMESPACE, name: ROOT_SECRET, now: Date.now() });
  const put = (data: Readonly<Record<string, string>>) =>
    server.put(SECRETS, {
      metadata: { namespace: NAMESPACE, name: ROOT_SECRET },
      data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, btoa(text)])),
    });

  it("is made where there is none, in OSM's format", async () => {
    const root = await open();
    const stored = server.get(SECRETS, `${NAMESPACE}/${ROOT_SECRET}`)?.["data"];
    assert.deepEqual(Object.keys(stored as object).sort(), ["ca.crt", "expiration", "private.key"]);
    assert.equal((await open()).certificate, root.certificate);
    await openBuiltin(await open(), Date.now); // it can sign
  });

  it("is one, however many replicas start together", async () => {
    let early = 5;
    // Each of them looks before any of them has written.
    server.faults.push((request, response) => {
      if (request.method !== "GET" || early-- <= 0) return false;
      refuse(response, 404, "NotFound");
      return true;
    });
    const roots = await Promise.all(Array.from({ length: 5 }, open));
    assert.equal(server.requests.filter((request) => request.startsWith("POST")).length, 5);
    assert.equal(new Set(roots.map(({ certificate }) => certificate)).size, 1);
    assert.equal(new Set(roots.map(({ privateKey }) => privateKey.reveal())).size, 1);
  });

  it("is adopted as it is, and not written to", async () => {
    const root = await makeRoot({ now: Date.now() - 86_400_000 });
    put(await toSecretData(root));
    const opened = await open();
    assert.equal(opened.certificate, root.certificate);
    assert.equal(opened.privateKey.reveal(), root.privateKey.reveal());
    assert.ok(server.requests.every((request) => request.startsWith("GET")));
  });

  it("is refused when it is broken, and not replaced: that would cut off the mesh", async () => {
    const data = await toSecretData(await makeRoot({ now: Date.now() }));
    const other = await toSecretData(await makeRoot({ now: Date.now() }));
    const broken = [
      {},
      { "ca.crt": data["ca.crt"] ?? "" },
      { "private.key": data["private.key"] ?? "" },
      { ...data, "ca.crt": "no certificate" },
      { ...data, "private.key": other["private.key"] ?? "" },
    ];
    for (const one of broken) {
      put(one);
      await assert.rejects(async () => openBuiltin(await open(), Date.now), RootRefused);
    }
    assert.ok(server.requests.every((request) => request.startsWith("GET")));
  });

  it("is neither made nor refused while the API server does not answer well", async () => {
    server.faults.push((_, response) => {
      response.writeHead(500).end();
      return true;
    });
    await assert.rejects(open, KubernetesError);
    assert.equal(server.requests.length, 1);
  });
});
