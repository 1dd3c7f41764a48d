import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { refuse } from "../../test/support/fake-api-answers.ts";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { type Finding, finding } from "../core/base/finding.ts";
import { keyOf } from "../core/base/ref.ts";
import { IngressBackend } from "../core/model/ingress-backend.ts";
import { Namespace } from "../core/model/namespace.ts";
import { emptySnapshot, type Snapshot } from "../core/model/snapshot.ts";
import { openAccess } from "../sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../sources/kubernetes/client.ts";
import { createStatusWriter, type StatusWriter, statusesOf } from "./object-status.ts";

const PATH = "/apis/policy.openservicemesh.io/v1alpha1/ingressbackends";
const COMMITTED = { currentStatus: "committed", reason: "successfully committed by the system" };
const about = (name: string, namespace = "shop") => ({ kind: "IngressBackend", namespace, name });

function raw(name: string, namespace = "shop") {
  const backends = [{ name: "web", port: { number: 80, protocol: "http" } }];
  const sources = [{ kind: "IPRange", name: "10.0.0.0/8" }];
  return { metadata: { namespace, name }, spec: { backends, sources } };
}

describe("object status", () => {
  let server: FakeApiServer;
  let client: KubernetesClient;
  let writer: StatusWriter;
  before(async () => {
    server = await FakeApiServer.start();
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
  });
  beforeEach(() => {
    server.serveKind(PATH, "IngressBackend");
    server.faults.length = 0;
    server.requests.length = 0;
    writer = createStatusWriter(client);
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  /** As it would be read back from the API server now. */
  function snapshot(members: readonly string[] = ["shop"]): Snapshot {
    const namespaces = members.map((name) =>
      read(Namespace.parse({ metadata: { name, labels: { "openservicemesh.io/monitored-by": "osm" } } })),
    );
    const objects = ["shop/a", "shop/b", "out/a"].flatMap((key) => server.get(PATH, key) ?? []);
    const backends = objects.map((one) => read(IngressBackend.parse(one)));
    return {
      ...emptySnapshot(),
      objects: {
        ...emptySnapshot().objects,
        Namespace: new Map(namespaces.map((one) => [keyOf(one.meta), one])),
        IngressBackend: new Map(backends.map((one) => [keyOf(one.meta), one])),
      },
    };
  }

  const look = (findings: readonly Finding[], of = snapshot()) => writer.write(statusesOf(of, findings, "osm"));
  const statusOf = (key: string) => server.get(PATH, key)?.["status"];
  const writes = () => server.requests.filter((request) => !request.startsWith("GET"));

  it("says committed, and the first error where there is one", async () => {
    server.put(PATH, raw("a"));
    server.put(PATH, raw("b"));
    const error = finding("ingress-source-empty", about("b"), "spec.sources[0]", "endpoints not found for service x/y");
    await look([finding("ingress-open", about("a"), "", "a warning alone"), error]);
    assert.deepEqual(statusOf("shop/a"), COMMITTED);
    assert.deepEqual(statusOf("shop/b"), {
      currentStatus: "error",
      reason: "spec.sources[0]: endpoints not found for service x/y",
    });
    assert.ok(writes().every((request) => request.startsWith("PATCH") && request.endsWith("/status")));
  });

  it("is written once, and again only when it changes", async () => {
    server.put(PATH, raw("a"));
    const old = snapshot();
    await look([]);
    // Not read back yet, and then read back.
    await look([], old);
    await look([]);
    assert.equal(writes().length, 1);
    await look([finding("ingress-nobody", about("a"), "", "no source")]);
    await look([]);
    assert.equal(writes().length, 3);
    assert.deepEqual(statusOf("shop/a"), COMMITTED);
  });

  it("is not written by the next leader if it is right", async () => {
    server.put(PATH, { ...raw("a"), status: COMMITTED });
    await look([]);
    assert.deepEqual(writes(), []);
  });

  it("is written once for an object that was never accepted", async () => {
    server.put(PATH, { metadata: { namespace: "shop", name: "bad" } });
    const error = finding("object-invalid", about("bad"), "spec.backends", "must be a list of backends");
    await look([error]);
    await look([error]);
    assert.equal(writes().length, 1);
    assert.partialDeepStrictEqual(statusOf("shop/bad"), { currentStatus: "error" });
  });

  it("is nobody's business outside the mesh's namespaces", async () => {
    server.put(PATH, raw("a", "out"));
    await look([finding("ingress-nobody", about("a", "out"), "", "no source")]);
    assert.deepEqual(writes(), []);
  });

  it("is tried for the others where one is refused, and again later; a deleted object is no trouble", async () => {
    server.put(PATH, raw("a"));
    server.put(PATH, raw("b"));
    server.faults.push((request, response) => {
      if (!request.url?.includes("/a/status")) return false;
      refuse(response, 503, "ServiceUnavailable");
      return true;
    });
    await assert.rejects(look([]), /503/);
    assert.deepEqual(statusOf("shop/b"), COMMITTED);
    server.faults.length = 0;
    await look([]);
    assert.deepEqual(statusOf("shop/a"), COMMITTED);
    const gone = snapshot();
    server.remove(PATH, "shop/a");
    await look([finding("ingress-nobody", about("a"), "", "no source")], gone);
  });
});

function read<T>(parsed: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (!parsed.ok) throw new Error("the test's object is not valid");
  return parsed.value;
}
