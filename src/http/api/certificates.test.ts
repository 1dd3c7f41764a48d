import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { get as call } from "../../../test/support/api-calls.ts";

const get = (path: string, accept = "application/json") => call(path, { accept });

describe("GET /api/v1/certificates", () => {
  it("lists the authorities between root and leaves, as certificates say of themselves", async () => {
    const { intermediates } = await (await get("/api/v1/certificates")).json();
    assert.deepEqual(
      intermediates.map(({ fingerprint, subject, root }: Record<string, unknown>) => [fingerprint, subject, root]),
      [
        ["e1", "CN=issuing-a", "ff"],
        ["e2", "CN=issuing-b", "ff"],
      ],
    );
    assert.deepEqual(Object.keys(intermediates[0]), [
      "serial",
      "subject",
      "issuer",
      "notBefore",
      "notAfter",
      "keyAlgorithm",
      "fingerprint",
      "root",
    ]);
  });

  it("says whose view it is, and who could be asked too", async () => {
    const { replicas } = await (await get("/api/v1/certificates")).json();
    assert.deepEqual(replicas, [
      { name: "osm-a", leader: true, self: false },
      { name: "osm-b", leader: false, self: true },
    ]);
  });

  it("says who signs, and since when one of them does not and why, in a word", async () => {
    const { providers } = await (await get("/api/v1/certificates")).json();
    assert.deepEqual(providers, [
      { name: "builtin", signing: false },
      {
        name: "vault",
        signing: true,
        outage: { since: "2026-11-23T00:00:00.000Z", seconds: 90, kind: "sealed", failures: 4 },
      },
    ]);
  });

  it("gives the intermediates as PEM too, after the roots", async () => {
    const answer = await get("/api/v1/certificates", "application/pem-certificate-chain");
    const bodies = [...(await answer.text()).matchAll(/CERTIFICATE-----\n(\w+=*)\n/g)].map(([, body]) => body);
    assert.deepEqual(bodies, ["MAA=", "MAI=", "MAI=", "MAE=", "MAE="]);
  });

  it("finds one identity in any place", async () => {
    for (const account of ["shop/web", "books/api"]) {
      const one = await (await get(`/api/v1/certificates/${account}`)).json();
      assert.equal(`${one.namespace}/${one.serviceAccount}`, account);
    }
    const absent = await get("/api/v1/certificates/shop/api");
    assert.equal(absent.status, 404);
    const { detail } = await absent.json();
    assert.match(detail, /no certificate for shop\/api: .* connected to another replica: ask osm-a$/);
  });
});
