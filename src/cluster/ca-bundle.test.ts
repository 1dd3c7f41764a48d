import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { openAccess } from "../sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../sources/kubernetes/client.ts";
import { correctCaBundles, webhookConfigurations } from "./ca-bundle.ts";

const GROUP = "/apis/admissionregistration.k8s.io/v1";
const MUTATING = `${GROUP}/mutatingwebhookconfigurations`;
const VALIDATING = `${GROUP}/validatingwebhookconfigurations`;
const NAMES = webhookConfigurations("osm");
const PEM = "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n";
const BUNDLE = btoa(PEM);

/** With fields that are none of our business. */
function webhook(name: string, caBundle?: string) {
  const service = { namespace: "osm-system", name: "osm-injector", port: 9090 };
  return {
    name,
    clientConfig: { service, ...(caBundle !== undefined && { caBundle }) },
    timeoutSeconds: 7,
    namespaceSelector: { matchLabels: { theirs: "yes" } },
  };
}

describe("caBundle", () => {
  let server: FakeApiServer;
  let client: KubernetesClient;
  before(async () => {
    server = await FakeApiServer.start();
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
  });
  beforeEach(() => {
    server.serveKind(MUTATING, "MutatingWebhookConfiguration");
    server.serveKind(VALIDATING, "ValidatingWebhookConfiguration");
    server.faults.length = 0;
    server.requests.length = 0;
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  const put = (path: string, name: string, ...webhooks: readonly object[]) =>
    server.put(path, { metadata: { name, labels: { theirs: "kept" } }, webhooks });
  const correct = () => correctCaBundles(client, NAMES, PEM);

  it("is written where it is missing or another, and nothing else is", async () => {
    put(MUTATING, NAMES.mutating, webhook("a"), webhook("b", btoa("another")), webhook("c", BUNDLE));
    put(VALIDATING, NAMES.validating, webhook("d", BUNDLE));
    assert.deepEqual(await correct(), [NAMES.mutating]);
    const corrected = server.get(MUTATING, `/${NAMES.mutating}`);
    assert.deepEqual(
      corrected?.["webhooks"],
      ["a", "b", "c"].map((name) => webhook(name, BUNDLE)),
    );
    assert.deepEqual(corrected?.metadata.labels, { theirs: "kept" });
    assert.equal(server.requests.filter((request) => request.startsWith("PATCH")).length, 1);
  });

  it("is left alone once it is right", async () => {
    put(MUTATING, NAMES.mutating, webhook("a"));
    put(VALIDATING, NAMES.validating, webhook("b"), webhook("c"));
    assert.deepEqual(await correct(), [NAMES.mutating, NAMES.validating]);
    assert.deepEqual(await correct(), []);
  });

  it("is nobody else's: other configurations are not touched, missing ones are not made", async () => {
    put(MUTATING, "another", webhook("a"));
    assert.deepEqual(await correct(), []);
    assert.deepEqual(server.get(MUTATING, "/another")?.["webhooks"], [webhook("a")]);
    assert.equal(server.get(MUTATING, `/${NAMES.mutating}`), undefined);
  });

  it("does not end up in another webhook when the list changes meanwhile", async () => {
    put(MUTATING, NAMES.mutating, webhook("a", BUNDLE), webhook("b"));
    server.faults.push((request) => {
      if (request.method === "PATCH") put(MUTATING, NAMES.mutating, webhook("new", "theirs"), webhook("theirs", "own"));
      return false;
    });
    await assert.rejects(correct);
    const now = server.get(MUTATING, `/${NAMES.mutating}`)?.["webhooks"];
    assert.deepEqual(now, [webhook("new", "theirs"), webhook("theirs", "own")]);
  });
});
