import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { bootstrapSecretName } from "../core/inject/names.ts";
import { PROXY_UUID_LABEL } from "../core/model/pod.ts";
import { openAccess } from "../sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../sources/kubernetes/client.ts";
import { createSweeper, ORPHAN_AGE, type Sweeper } from "./bootstrap-secrets.ts";

const SECRETS = "/api/v1/secrets";
const PODS = "/api/v1/pods";
const UUID = "6f3c5a52-9f3b-4d0a-8b35-0d8b8f1f6c11";

describe("sweeper of bootstrap Secrets", () => {
  let server: FakeApiServer;
  let client: KubernetesClient;
  let sweeper: Sweeper;
  let now: number;
  before(async () => {
    server = await FakeApiServer.start();
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
  });
  beforeEach(() => {
    server.serveKind(SECRETS, "Secret");
    server.serveKind(PODS, "Pod");
    server.requests.length = 0;
    server.pageSize = Number.POSITIVE_INFINITY;
    now = 1000;
    sweeper = createSweeper(client, () => now);
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  const sweep = () => sweeper.sweep(new AbortController().signal);
  const labelled = (uuid: string) => ({ namespace: "shop", labels: { [PROXY_UUID_LABEL]: uuid } });
  function putSecret(uuid: string, name = bootstrapSecretName(uuid), owners?: readonly unknown[]): void {
    const metadata = { ...labelled(uuid), name, ...(owners && { ownerReferences: owners }) };
    server.put(SECRETS, { metadata, data: { key: "c2VjcmV0" } });
  }
  const putPod = (uuid: string, name = "pod") => server.put(PODS, { metadata: { ...labelled(uuid), name } });
  const secret = (uuid: string) => server.get(SECRETS, `shop/${bootstrapSecretName(uuid)}`);
  const writes = () => server.requests.filter((request) => !request.startsWith("GET"));

  it("gives a Secret to its pod, though the namespace be none of the mesh any more, and keeps its data", async () => {
    putSecret(UUID);
    const pod = putPod(UUID);
    await sweep();
    assert.deepEqual(secret(UUID)?.metadata.ownerReferences, [
      { apiVersion: "v1", kind: "Pod", name: "pod", uid: pod.metadata.uid },
    ]);
    assert.deepEqual(secret(UUID)?.["data"], { key: "c2VjcmV0" });
    now += 10 * ORPHAN_AGE;
    await sweep();
    assert.equal(writes().length, 1);
  });

  it("keeps a young orphan, and deletes an old one", async () => {
    putSecret(UUID);
    await sweep();
    now += ORPHAN_AGE;
    await sweep();
    assert.notEqual(secret(UUID), undefined);
    now += 1;
    await sweep();
    assert.equal(secret(UUID), undefined);
  });

  it("waits anew for a Secret that was made anew", async () => {
    putSecret(UUID);
    await sweep();
    server.remove(SECRETS, `shop/${bootstrapSecretName(UUID)}`);
    putSecret(UUID);
    now += ORPHAN_AGE + 1;
    await sweep();
    assert.notEqual(secret(UUID), undefined);
  });

  it("does not delete a Secret whose pod comes late", async () => {
    putSecret(UUID);
    await sweep();
    now += ORPHAN_AGE + 1;
    putPod(UUID);
    await sweep();
    assert.equal(secret(UUID)?.metadata.ownerReferences?.length, 1);
  });

  it("leaves alone what it did not make: another's owner, and a name of another", async () => {
    const owners = [{ apiVersion: "v1", kind: "Pod", name: "other", uid: "other" }];
    putSecret(UUID, bootstrapSecretName(UUID), owners);
    putSecret("theirs", "password");
    putPod("theirs");
    await sweep();
    now += ORPHAN_AGE + 1;
    await sweep();
    assert.deepEqual(writes(), []);
  });

  it("takes pages of many, and asks for their pods together", async () => {
    server.pageSize = 40;
    const uuids = Array.from({ length: 130 }, (_, i) => `uuid-${i}`);
    for (const [i, uuid] of uuids.entries()) {
      putSecret(uuid);
      if (i % 2 === 0) putPod(uuid, `pod-${i}`);
    }
    await sweep();
    const owned = uuids.filter((uuid) => secret(uuid)?.metadata.ownerReferences !== undefined);
    assert.equal(owned.length, 65);
    assert.equal(writes().length, 65);
    const reads = server.requests.filter((request) => request.startsWith("GET"));
    assert.ok(reads.length <= 4 + 6, `${reads.length} reads`);
    assert.equal(secret("uuid-8")?.metadata.ownerReferences?.length, 1);
  });
});
