/** What becomes of a CertificateRequest, with an API server of the test. A real cert-manager's part is in `test/pki`. */
import assert from "node:assert/strict";
import { before, beforeEach, describe, it } from "node:test";
import { SYSTEM_CLOCK } from "../clock.ts";
import { makeKeyPair, P256 } from "../keys.ts";
import { createRequest } from "../pki-request.ts";
import type { ChainRequest } from "../provider.ts";
import { IssueRefused } from "../refusal.ts";
import { type ClusterApi, certManagerSigner } from "./cert-manager.ts";
import { ProviderUnavailable } from "./unavailable.ts";

const HOUR = 3_600_000;
const PATH = "/apis/cert-manager.io/v1/namespaces/osm-system/certificaterequests";
type Asked = Parameters<ClusterApi["request"]>[0];
const condition = (type: string, status: string, reason = "", message = "") => ({ type, status, reason, message });
const APPROVED = condition("Approved", "True");

describe("a CertificateRequest", () => {
  let request: ChainRequest;
  let asked: Asked[];
  let warnings: string[];
  let failing: ((one: Asked) => Error | undefined) | undefined;
  before(async () => {
    const names = { commonName: "a.b", dnsSans: ["a.b"], uriSans: [] };
    const { publicKey, privateKey } = await makeKeyPair(P256);
    const csr = () => createRequest({ ...names, publicKey, privateKey });
    request = { ...names, publicKey, csr, notBefore: Date.now(), notAfter: Date.now() + HOUR };
  });
  beforeEach(() => {
    [asked, warnings, failing] = [[], [], undefined];
  });

  /** @param statuses - One for each look; the last stays. */
  function signer(...statuses: readonly unknown[]) {
    let looks = 0;
    const api: ClusterApi = {
      async request(one) {
        asked.push(one);
        const error = failing?.(one);
        if (error !== undefined) throw error;
        if (one.method === "POST") return { metadata: { name: "osm-1" } };
        if (one.path === PATH) return { items: [] };
        return one.method === "DELETE" ? {} : { status: statuses[Math.min(looks++, statuses.length - 1)] };
      },
    };
    const issuer = { issuerName: "osm-ca", issuerKind: "ClusterIssuer", issuerGroup: "cert-manager.io" };
    const onWarning = (message: string) => warnings.push(message);
    return certManagerSigner({ api, namespace: "osm-system", issuer, clock: SYSTEM_CLOCK, onWarning, deadline: 300 });
  }
  const deleted = () => asked.filter(({ method, path }) => method === "DELETE" && path === `${PATH}/osm-1`).length;
  const statusError = (status: number) => Object.assign(new Error(`HTTP ${status}`), { status });

  it("asks for TLS on both sides, in seconds, and is deleted once it is answered", async () => {
    const ready = {
      conditions: [APPROVED, condition("Ready", "True", "Issued")],
      certificate: btoa("leaf"),
      ca: btoa("ca"),
    };
    const answer = await signer(undefined, { conditions: [APPROVED] }, ready).sign(request, 90_000);
    assert.deepEqual(answer, { certificate: "leaf", issuers: ["ca"] });
    const body = JSON.parse(JSON.stringify(asked.find(({ method }) => method === "POST")?.body));
    assert.match(atob(body.spec.request), /^-----BEGIN CERTIFICATE REQUEST-----/);
    assert.deepEqual(
      { ...body.spec, request: undefined },
      {
        request: undefined,
        duration: "90s",
        isCA: false,
        issuerRef: { name: "osm-ca", kind: "ClusterIssuer", group: "cert-manager.io" },
        usages: ["digital signature", "server auth", "client auth"],
      },
    );
    assert.equal(deleted(), 1);
  });

  for (const [what, status, kind, says] of [
    [
      "denied",
      { conditions: [condition("Denied", "True", "Policy", "not today")] },
      "denied",
      /was denied: not today; let the approver/,
    ],
    [
      "failed",
      { conditions: [APPROVED, condition("Ready", "False", "Failed", "no luck")] },
      "failed",
      /failed: no luck; look at the issuer: kubectl describe clusterissuer osm-ca/,
    ],
    ["not approved", { conditions: [] }, "timeout", /not answered within 0\.3 s: nobody has approved the request/],
    [
      "pending",
      { conditions: [APPROVED, condition("Ready", "False", "Pending", "issuer not found")] },
      "timeout",
      /issuer not found/,
    ],
    [
      "answered with rubbish",
      { conditions: [condition("Ready", "True")], certificate: "%%%" },
      "unusable",
      /not base64/,
    ],
  ] as const) {
    it(`that is ${what} is named so, and deleted`, async () => {
      await assert.rejects(signer(status).sign(request, HOUR), (error) => {
        assert.ok(error instanceof ProviderUnavailable, String(error));
        assert.equal(error.kind, kind);
        assert.match(error.message, says);
        return true;
      });
      assert.equal(deleted(), 1);
    });
  }

  it("that is invalid concerns one name", async () => {
    const invalid = { conditions: [condition("InvalidRequest", "True", "", "bad name")] };
    await assert.rejects(signer(invalid).sign(request, HOUR), (error) => error instanceof IssueRefused);
    assert.equal(deleted(), 1);
  });

  it("that the API server refuses is named", async () => {
    for (const [status, kind] of [
      [404, "mount-missing"],
      [403, "permission-denied"],
      [0, "unreachable"],
      [500, "unreachable"],
    ] as const) {
      failing = ({ method }) => (method === "POST" ? statusError(status) : undefined);
      await assert.rejects(
        signer().sign(request, HOUR),
        (error) => error instanceof ProviderUnavailable && error.kind === kind,
      );
    }
  });

  it("that cannot be deleted is told of, and its leaf used all the same", async () => {
    const ready = { conditions: [APPROVED, condition("Ready", "True")], certificate: btoa("leaf") };
    failing = ({ method }) => (method === "DELETE" ? statusError(500) : undefined);
    assert.equal((await signer(ready).sign(request, HOUR)).certificate, "leaf");
    assert.match(warnings.join(), /stays until it is deleted: .*osm-1/);
    failing = ({ method }) => (method === "DELETE" ? statusError(404) : undefined);
    warnings.length = 0;
    await signer(ready).sign(request, HOUR);
    assert.deepEqual(warnings, []);
  });
});
