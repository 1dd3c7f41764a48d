import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as v from "valibot";
import { apiEndpoints, appOf, get, HEADERS, pathOf, problemOf } from "../../../test/support/api-calls.ts";
import { sampleMesh, sampleRotation, WEB_UUID } from "../testing/sample-mesh.ts";
import type { AuditRecord } from "./action.ts";
import { apiParts } from "./api.ts";
import type { MeshView } from "./mesh-view.ts";
import { openApiDocument } from "./openapi.ts";

describe("API", () => {
  it("answers every endpoint as its schema says, field by field", async () => {
    const endpoints = apiEndpoints(sampleMesh());
    assert.ok(endpoints.length >= 5);
    for (const { path, schema } of endpoints) {
      const response = await get(pathOf(path));
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get("content-type"), "application/json");
      const body: unknown = await response.json();
      assert.deepEqual(v.parse(schema, body), body, `${path} has a field that its schema does not`);
    }
  });

  it("answers as the published document says, in the eyes of another validator", async () => {
    const document = v.parse(
      v.looseObject({ components: v.object({ schemas: v.record(v.string(), v.any()) }) }),
      await (await get("/openapi.json")).json(),
    );
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    for (const { path, schemaName } of apiEndpoints(sampleMesh())) {
      const validate = ajv.compile(document.components.schemas[schemaName]);
      const body: unknown = await (await get(pathOf(path))).json();
      assert.ok(validate(body), `${path}: ${ajv.errorsText(validate.errors)}`);
      assert.ok(!validate({}), `${schemaName} says nothing`);
    }
  });

  it("publishes a valid OpenAPI document", async () => {
    const document = openApiDocument(apiParts(sampleMesh()), "2.0.0");
    const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    assert.ok(valid, JSON.stringify(errors));
  });

  it("tells the state of the mesh", async () => {
    const status = await (await get("/api/v1/status")).json();
    assert.equal(status.mode, "smi");
    assert.deepEqual(status.proxies, { known: 2, connected: 1, inSync: 0, rejecting: 1 });
    assert.deepEqual(
      status.replicas.map(({ name }: { name: string }) => name),
      ["osm-a", "osm-b"],
    );
    assert.deepEqual(status.findings, {
      errors: 1,
      warnings: 2,
      objects: [
        { about: { kind: "Service", namespace: "dns", name: "kube" }, errors: 0, warnings: 1, codes: ["port-udp"] },
        {
          about: { kind: "TrafficTarget", namespace: "shop", name: "web" },
          errors: 1,
          warnings: 1,
          codes: ["field-unknown", "target-rules-empty"],
        },
      ],
    });
    assert.deepEqual(status.sources, [
      { kind: "Pod", state: "listing", synced: false, since: "1970-01-01T00:00:01.000Z", objects: 0 },
      {
        kind: "Service",
        state: "away",
        synced: true,
        since: "1970-01-01T00:00:05.000Z",
        lastEventAt: "1970-01-01T00:00:04.000Z",
        objects: 3,
        error: "timed out",
      },
    ]);
  });

  it("lists proxies by place, and finds one by its uuid in either case", async () => {
    const { items } = await (await get("/api/v1/proxies")).json();
    assert.deepEqual(
      items.map(({ pod }: { pod: string }) => pod),
      ["api-1", "web-1"],
    );
    const one = await (await get(`/api/v1/proxies/${WEB_UUID.toUpperCase()}`)).json();
    assert.deepEqual(one, items[1]);
    assert.deepEqual(one.rejections, [
      { type: "listener", version: "l2", resources: ["outbound-listener"], message: "bad listener" },
    ]);
    assert.equal(one.connectedSince, "2026-11-23T00:00:00.000Z");
    assert.ok(!("connectedSince" in items[0]));
  });

  it("says which proxies hold a certificate, and shows no key", async () => {
    const text = await (await get("/api/v1/certificates")).text();
    const { roots, identities } = JSON.parse(text);
    assert.deepEqual(
      identities.map(({ serviceAccount, heldBy }: Record<string, unknown>) => [serviceAccount, heldBy]),
      [
        ["api", []],
        ["web", [WEB_UUID]],
      ],
    );
    assert.equal(roots[0].signing, true);
    assert.doesNotMatch(text, /PRIVATE|"key"|redacted/);
  });

  it("explains each finding", async () => {
    const { items } = await (await get("/api/v1/findings")).json();
    assert.deepEqual(
      items.map(({ code }: { code: string }) => code),
      ["port-udp", "field-unknown", "target-rules-empty"],
    );
    assert.match(items[2].help, /grants nothing/);
  });

  it("answers the same bytes whatever order its sources have", async () => {
    const mesh = sampleMesh();
    const turned = sampleMesh({
      proxies: () => mesh.proxies().toReversed(),
      findings: () => mesh.findings().toReversed(),
      replicas: () => mesh.replicas().toReversed(),
      sources: () => mesh.sources().toReversed(),
      certificates: async () => {
        const { roots, intermediates, leaves, providers } = await mesh.certificates();
        return {
          roots: roots.toReversed(),
          intermediates: intermediates.toReversed(),
          leaves: leaves.toReversed(),
          providers: providers.toReversed(),
        };
      },
    });
    for (const path of ["status", "proxies", "certificates", "findings"].map((name) => `/api/v1/${name}`)) {
      const one = await (await appOf(mesh).request(path, { headers: HEADERS })).text();
      assert.equal(await (await appOf(turned).request(path, { headers: HEADERS })).text(), one, path);
    }
  });

  it("answers HEAD as GET, without a body", async () => {
    const response = await get("/api/v1/status", {}, "HEAD");
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "");
  });
});

describe("API levers and other forms", () => {
  const post = (path: string, body?: unknown, more: { mesh?: MeshView; audit?: AuditRecord[]; type?: string } = {}) =>
    appOf(more.mesh, undefined, (record) => void more.audit?.push(record)).request(path, {
      method: "POST",
      headers: { ...HEADERS, ...(body === undefined ? {} : { "content-type": more.type ?? "application/json" }) },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });

  it("move the root, and say who moved it", async () => {
    const asked: unknown[] = [];
    const rotation = sampleRotation();
    const start: typeof rotation.start = async (options) => {
      asked.push(options);
      return rotation.start(options);
    };
    const audit: AuditRecord[] = [];
    const mesh = sampleMesh({ rotation: { ...rotation, start } });
    const answer = await post("/api/v1/rotation/start", { trustDomain: "mesh.example" }, { mesh, audit });
    assert.equal(answer.status, 200);
    assert.deepEqual(asked, [{ trustDomain: "mesh.example" }]);
    assert.deepEqual(audit, [
      {
        user: "tester",
        action: "startRotation",
        path: "/api/v1/rotation/start",
        body: { trustDomain: "mesh.example" },
        outcome: "done",
      },
    ]);
    for (const path of ["rollback", "finish"]) assert.equal((await post(`/api/v1/rotation/${path}`)).status, 200, path);
  });

  it("answer 409 with the reason where it makes no sense, and that is audited too", async () => {
    const audit: AuditRecord[] = [];
    const refuse = async () => ({ ok: false as const, reason: "nothing is under way" });
    const mesh = sampleMesh({ rotation: sampleRotation({ rollBack: refuse }) });
    const answer = await post("/api/v1/rotation/rollback", undefined, { mesh, audit });
    assert.equal((await problemOf(answer)).detail, "nothing is under way");
    assert.equal(answer.status, 409);
    assert.equal(audit[0]?.outcome, "refused");
  });

  it("take no body that they do not know, and no GET", async () => {
    const audit: AuditRecord[] = [];
    for (const body of [{ trustdomain: "x" }, { trustDomain: "A B" }, { trustDomain: 1 }, [], null, "{"]) {
      const answer = await post("/api/v1/rotation/start", body, { audit });
      assert.equal((await problemOf(answer)).status, 400, JSON.stringify(body));
    }
    assert.equal((await post("/api/v1/rotation/start", "{}", { type: "text/plain" })).status, 415);
    const got = await get("/api/v1/rotation/start");
    assert.equal(got.status, 405);
    assert.equal(got.headers.get("allow"), "POST");
    assert.deepEqual(audit, []);
  });

  it("are for nobody without the token, nor for other origins", async () => {
    const audit: AuditRecord[] = [];
    const app = appOf(undefined, undefined, (record) => void audit.push(record));
    for (const headers of [{ host: "localhost" }, { ...HEADERS, origin: "http://evil.example" }]) {
      const answer = await app.request("/api/v1/rotation/start", { method: "POST", headers });
      assert.ok([401, 403].includes(answer.status));
    }
    assert.deepEqual(audit, []);
  });

  it("give certificates as PEM to who asks for that, and never a key", async () => {
    const pem = "application/pem-certificate-chain";
    for (const path of ["/api/v1/certificates", "/api/v1/certificates/shop/web", "/api/v1/trust-bundle"]) {
      const answer = await get(path, { accept: pem });
      assert.equal(answer.headers.get("content-type"), pem);
      const text = await answer.text();
      assert.match(text, /^-----BEGIN CERTIFICATE-----\n/);
      assert.doesNotMatch(text, /PRIVATE/);
      assert.equal(
        (await get(path, { accept: `${pem};q=0.5, application/json` })).headers.get("content-type"),
        "application/json",
      );
    }
    assert.equal((await get("/api/v1/certificates/shop/nobody", { accept: pem })).status, 404);
    assert.equal((await get("/api/v1/status", { accept: pem })).status, 406);
  });

  it("give the trust bundle as SPIFFE has it", async () => {
    const bundle = (await (await get("/api/v1/trust-bundle")).json()) as Record<string, unknown>;
    assert.deepEqual(bundle, {
      keys: [{ use: "x509-svid", kty: "EC", crv: "P-256", x: "eA", y: "eQ", x5c: ["MAA="] }],
      spiffe_sequence: 3,
      spiffe_refresh_hint: 60,
    });
  });
});
