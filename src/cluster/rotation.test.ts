import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { Redacted } from "../core/base/redacted.ts";
import { bootstrapSecretName } from "../core/inject/names.ts";
import { PROXY_UUID_LABEL } from "../core/model/pod.ts";
import type { ReplicaReport } from "../rotation/gate.ts";
import { parseRecord, steadyOn } from "../rotation/record.ts";
import { RecordConflict } from "../rotation/rotator.ts";
import type { ApiRequest } from "../sources/kubernetes/client.ts";
import { KubernetesError } from "../sources/kubernetes/kubernetes-error.ts";
import { CREDENTIAL_ANNOTATION, rotateBootstrapSecrets } from "./bootstrap-rotation.ts";
import { createCompany } from "./rotation-company.ts";
import { clusterRecordStore } from "./rotation-store.ts";

type Stored = Record<string, unknown> & { metadata: Record<string, unknown> };

/** An API server that keeps what it is given, and compares versions. */
class MemoryApi {
  readonly objects = new Map<string, Stored>();
  readonly requests: ApiRequest[] = [];
  #version = 0;

  async request(request: ApiRequest): Promise<unknown> {
    this.requests.push(request);
    const { method = "GET", path, body } = request;
    const given = body as Stored | undefined;
    const found = this.objects.get(path);
    const no = (status: number): never => {
      throw new KubernetesError({ method, path, status, reason: "", detail: "" });
    };
    if (method === "POST") {
      const target = `${path}/${String(given?.metadata["name"])}`;
      return this.objects.has(target) ? no(409) : this.#keep(target, given as Stored);
    }
    if (path === "/api/v1/secrets") return { items: [...this.objects.values()], metadata: {} };
    if (found === undefined) return no(404);
    if (method === "PUT" && given?.metadata["resourceVersion"] !== found.metadata["resourceVersion"]) return no(409);
    if (method === "GET") return found;
    return this.#keep(path, method === "PUT" ? (given as Stored) : merged(found, given));
  }

  #keep(path: string, object: Stored): Stored {
    this.#version += 1;
    const kept = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.objects.set(path, kept);
    return kept;
  }
}

/** A merge patch, as deep as it is needed here. */
function merged(found: Stored, patch: Stored | undefined): Stored {
  const data = { ...(found["data"] as object), ...(patch?.["data"] as object) } as Record<string, unknown>;
  for (const [key, value] of Object.entries(data)) if (value === null) delete data[key];
  return { ...found, ...patch, metadata: { ...found.metadata, ...patch?.metadata }, data };
}

const ROOT = {
  name: "osm-ca-bundle",
  source: { kind: "builtin", store: "osm-ca-bundle" } as const,
  trustDomain: "cluster.local",
  certificates: [],
};
const NAMESPACE = "osm-system";

describe("the record in a ConfigMap", () => {
  it("is written once, and then only over the version that was read", async () => {
    const api = new MemoryApi();
    const store = clusterRecordStore({ client: api, namespace: NAMESPACE }, parseRecord);
    assert.equal(await store.read(), undefined);
    const record = steadyOn(ROOT, 5);
    const first = await store.write(record, undefined);
    assert.deepEqual(await store.read(), { record, revision: first });
    await assert.rejects(store.write(record, undefined), RecordConflict);
    const second = await store.write({ ...record, step: 1 }, first);
    await assert.rejects(store.write(record, first), RecordConflict);
    assert.equal((await store.read())?.revision, second);
  });
});

describe("replicas", () => {
  let api: MemoryApi;
  let now: number;
  let live: readonly string[];
  beforeEach(() => {
    api = new MemoryApi();
    now = 0;
    live = ["a", "b"];
  });

  const replica = (self: string, report: Omit<ReplicaReport, "replica">) =>
    createCompany({
      client: api,
      namespace: NAMESPACE,
      self,
      replicas: () => live,
      refresh: async () => undefined,
      isMoving: () => true,
      report: () => ({ replica: self, ...report }),
      now: () => now,
    });

  it("know of each other what each acts on, and of one that is silent that it is", async () => {
    const a = replica("a", { step: 3, passed: ["x"], pending: [] });
    const b = replica("b", { step: 2, passed: [], pending: ["y"] });
    await a.exchange();
    assert.deepEqual(a.others(), [{ replica: "b", step: -1, passed: [], pending: [] }]);
    await b.exchange();
    now += 1000;
    await a.exchange();
    assert.deepEqual(a.others(), [{ replica: "b", step: 2, passed: [], pending: ["y"] }]);
    live = ["a"];
    assert.deepEqual(a.others(), []);
  });

  it("may tell for the first time at once", async () => {
    const a = replica("a", { step: 3, passed: ["x"], pending: [] });
    const b = replica("b", { step: 3, passed: [], pending: ["y"] });
    await Promise.all([a.exchange(), b.exchange()]);
    now += 1000;
    await a.exchange();
    assert.deepEqual(a.others(), [{ replica: "b", step: 3, passed: [], pending: ["y"] }]);
  });

  it("do not ask the API server at every look, nor write what they said already", async () => {
    const a = replica("a", { step: 3, passed: [], pending: [] });
    await a.exchange();
    await a.exchange();
    const before = api.requests.length;
    now += 1000;
    await a.exchange();
    assert.deepEqual(
      api.requests.slice(before).map(({ method = "GET" }) => method),
      ["GET"],
    );
  });
});

describe("bootstrap Secrets under other roots", () => {
  const UUID = "6f3c5a52-9f3b-4d0a-8b35-0d8b8f1f6c11";
  const path = `/api/v1/namespaces/shop/secrets/${bootstrapSecretName(UUID)}`;
  const identity = { uuid: UUID, serviceAccount: { namespace: "shop", name: "web" } };

  /** @param under - The roots that are in force by the time of the issue. */
  function world(wanted: string | undefined, { known = true, under = wanted ?? "" } = {}) {
    const api = new MemoryApi();
    const metadata = { namespace: "shop", name: bootstrapSecretName(UUID), labels: { [PROXY_UUID_LABEL]: UUID } };
    api.objects.set(path, { metadata, data: {} });
    // Somebody put the label on a Secret of theirs.
    api.objects.set("/api/v1/namespaces/shop/secrets/mine", { metadata: { ...metadata, name: "mine" }, data: {} });
    const issued: unknown[] = [];
    const source = {
      wanted: () => wanted,
      identityOf: () => (known ? identity : undefined),
      issue: async (of: unknown) => {
        issued.push(of);
        return { chain: "CHAIN", key: new Redacted("KEY"), roots: "ROOTS", issuerId: "id", under };
      },
    };
    return { api, issued, run: () => rotateBootstrapSecrets(api, source, new AbortController().signal) };
  }

  it("are rewritten once, with certificate, key and roots in one request", async () => {
    const { api, issued, run } = world("two roots");
    await run();
    await run();
    assert.deepEqual(issued, [identity]);
    const patches = api.requests.filter(({ method }) => method === "PATCH");
    assert.equal(patches.length, 1);
    assert.deepEqual(api.objects.get(path)?.["stringData"], {
      "cacert.pem": "ROOTS",
      "sds_cert.pem": "CHAIN",
      "sds_key.pem": "KEY",
      signing_issuer_id: "id",
      validating_issuer_id: "id",
    });
    assert.deepEqual(api.objects.get(path)?.metadata["annotations"], { [CREDENTIAL_ANNOTATION]: "two roots" });
  });

  it("are marked by the roots they were issued under, not by those when the look began", async () => {
    const { api, issued, run } = world("two roots", { under: "the new root signs" });
    await run();
    assert.deepEqual(api.objects.get(path)?.metadata["annotations"], { [CREDENTIAL_ANNOTATION]: "the new root signs" });
    await run();
    assert.equal(issued.length, 2, "back under the roots of before they are rewritten");
  });

  it("are left alone while no root ever changed, and where there is no pod of the mesh", async () => {
    for (const { api, issued, run } of [world(undefined), world("two roots", { known: false })]) {
      await run();
      assert.deepEqual(issued, []);
      assert.ok(api.requests.every(({ method = "GET" }) => method === "GET"));
    }
  });
});
