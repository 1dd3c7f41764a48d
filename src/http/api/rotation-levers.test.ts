import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as v from "valibot";
import { Redacted } from "../../core/base/redacted.ts";
import { Problem } from "../problem.ts";
import { sampleMesh, sampleRotation } from "../testing/sample-mesh.ts";
import { tokenAuthorizer } from "../token-authorizer.ts";
import type { AuditRecord } from "./action.ts";
import { apiParts, apiRoutes } from "./api.ts";
import { openApiDocument } from "./openapi.ts";
import type { RotationLevers } from "./rotation-levers.ts";

const HEADERS = { host: "localhost", authorization: "Bearer t", "content-type": "application/json" };

describe("the levers of a rotation", () => {
  const post = (
    lever: string,
    body: unknown,
    { levers = {}, audit = [] }: { readonly levers?: Partial<RotationLevers>; readonly audit?: AuditRecord[] } = {},
  ) =>
    apiRoutes({
      mesh: sampleMesh({ rotation: sampleRotation(levers) }),
      authorizer: tokenAuthorizer(new Redacted("t"), "tester"),
      hosts: [],
      onError: (error) => assert.fail(error),
      onAction: (record) => void audit.push(record),
    }).request(`/api/v1/rotation/${lever}`, { method: "POST", headers: HEADERS, body: JSON.stringify(body) });
  const detailOf = async (answer: Response) => v.parse(Problem, await answer.json()).detail;

  it("are published with what each takes, in the eyes of another validator", () => {
    const document = openApiDocument(apiParts(sampleMesh()), "2.0.0");
    const Body = v.object({
      content: v.object({ "application/json": v.object({ schema: v.any() }) }),
      required: v.boolean(),
    });
    const { paths } = v.parse(
      v.object({ paths: v.record(v.string(), v.object({ post: v.optional(v.any()) })) }),
      document,
    );
    const bodyOf = (lever: string) => v.parse(Body, paths[`/api/v1/rotation/${lever}`]?.post.requestBody);
    const takes = (lever: string) =>
      new Ajv2020({ strict: false }).compile(bodyOf(lever).content["application/json"].schema);
    assert.deepEqual(
      ["start", "rollback", "finish", "forget"].map((lever) => bodyOf(lever).required),
      [false, false, false, true],
    );
    const tresor = { ca: { secretRef: { name: "a", namespace: "b" } } };
    const cases: readonly (readonly [string, unknown, boolean])[] = [
      ["start", {}, true],
      ["start", { trustDomain: "mesh.example", provider: { tresor }, name: "next" }, true],
      ["start", { provider: { tresor: { ca: {} } } }, false],
      ["start", { trustDomain: "A B" }, false],
      ["start", { trustdomain: "a" }, false],
      ["forget", { root: "a" }, true],
      ["forget", {}, false],
    ];
    for (const [lever, body, fits] of cases) assert.equal(takes(lever)(body), fits, `${lever} ${JSON.stringify(body)}`);
  });

  it("name the value that they refuse", async () => {
    const refused = async (body: unknown) => detailOf(await post("start", body));
    const trustDomain =
      'in the body, trustDomain must be a trust domain such as cluster.local, in lower case, but is "A B"';
    assert.equal(await refused({ trustDomain: "A B" }), trustDomain);
    assert.match(await refused({ trustDomain: `a${".b".repeat(64)}` }), /of at most 128 characters, but is "a\.b/);
    assert.equal(await refused({ trustdomain: "x" }), "in the body, trustdomain is no field");
  });

  it("take a provider as a MeshRootCertificate has it, and nothing like it", async () => {
    const asked: unknown[] = [];
    const rotation = sampleRotation();
    const start: RotationLevers["start"] = async (options) => {
      asked.push(options);
      return rotation.start(options);
    };
    const token = { name: "vault-token", key: "token", namespace: "osm-system" };
    const vault = { host: "Vault.vault.svc", port: 8200, protocol: "https", role: "mesh" };
    const written = { vault: { ...vault, token: { secretKeyRef: token } } };
    const begin = (body: object) => post("start", body, { levers: { start } });
    assert.equal((await begin({ provider: written, name: "next" })).status, 200);
    const read = { ...vault, kind: "vault", host: "vault.vault.svc", token };
    assert.deepEqual(asked, [{ provider: read, name: "next" }]);
    const issuer = { issuerName: "ca", issuerKind: "Issuer", issuerGroup: "cert-manager.io" };
    const refusals: readonly (readonly [object, RegExp])[] = [
      [{ provider: {} }, /provider must be exactly one of tresor, vault, certManager/],
      [{ provider: { ...written, certManager: issuer } }, /exactly one of/],
      [{ provider: { vault: { ...written.vault, port: 0 } } }, /provider\.vault\.port must be a port .*, but is 0/],
      [{ provider: { certManager: { ...issuer, issuerKind: "Other" } } }, /issuerKind must be ClusterIssuer or Issuer/],
      [{ provider: { tresor: { ca: { secretRef: { name: "x" } } } } }, /secretRef\.namespace is required/],
      [{ meshRootCertificate: "a", name: "b" }, /meshRootCertificate has a provider, .*: leave those out/],
      [{ meshRootCertificate: "a", trustDomain: "b" }, /leave those out/],
      [{ meshRootCertificate: "a", provider: written }, /leave those out/],
      [{ meshRootCertificate: "../a" }, /meshRootCertificate must be a name of/],
    ];
    for (const [body, reason] of refusals) {
      const answer = await begin(body);
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.match(await detailOf(answer), reason);
    }
    assert.equal(asked.length, 1);
  });

  it("forget a root by its name, and say what was deleted", async () => {
    const audit: AuditRecord[] = [];
    const answer = await post("forget", { root: "osm-ca-bundle--1" }, { audit });
    assert.deepEqual(await answer.json(), {
      root: "osm-ca-bundle--1",
      deleted: ["Secret osm-system/osm-ca-bundle--1"],
    });
    assert.deepEqual(
      audit.map(({ user, action, outcome }) => [user, action, outcome]),
      [["tester", "forgetRoot", "done"]],
    );
    for (const body of [{}, { root: "" }, { root: "../x" }, { root: "a", force: true }])
      assert.equal((await post("forget", body, { audit })).status, 400, JSON.stringify(body));
    assert.equal(audit.length, 1);
    const levers = { forget: async () => ({ ok: false as const, reason: "it is in use" }) };
    const refused = await post("forget", { root: "a" }, { levers, audit });
    assert.deepEqual([refused.status, await detailOf(refused)], [409, "it is in use"]);
    assert.equal(audit[1]?.outcome, "refused");
  });
});
