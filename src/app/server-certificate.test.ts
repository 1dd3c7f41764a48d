import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Leaf } from "../ca/leaf.ts";
import { Redacted } from "../core/base/redacted.ts";
import { issueServerCertificate } from "./server-certificate.ts";

const DAY = 86_400_000;

function world() {
  const state = { now: 0, broken: false, issued: 0 };
  const issue = async (): Promise<Leaf> => {
    if (state.broken) throw new Error("the key is lost");
    state.issued += 1;
    const key = new Redacted("");
    const serial = String(state.issued);
    const { now } = state;
    const validity = { issuedAt: now, notBefore: now, notAfter: now + DAY };
    return { chain: serial, key, ...validity, issuerId: "", serial, version: "" };
  };
  const errors: string[] = [];
  const log = { info: () => {}, error: (message: string) => void errors.push(message) };
  const options = { authority: { issue }, dnsNames: () => ["a.test"] as const, server: "the webhooks", log };
  return { state, errors, open: () => issueServerCertificate({ ...options, now: () => state.now, lookEvery: 5 }) };
}

async function until(done: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!done()) {
    assert.ok(Date.now() < deadline, "nothing happened within 5 s");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe("server certificate", () => {
  it("is replaced at half of its life, once", async () => {
    const { state, open } = world();
    const used: string[] = [];
    const certificate = await open();
    const stop = certificate.renew(({ chain }) => used.push(chain));
    state.now = DAY / 2 - 1;
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(used, []);
    state.now += 1;
    await until(() => used.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 30));
    stop();
    assert.deepEqual(used, ["2"]);
  });

  it("is trouble when it cannot be renewed, fatal once it ends, and none when that is over", async () => {
    const { state, errors, open } = world();
    const certificate = await open();
    assert.deepEqual(certificate.trouble(), []);
    state.broken = true;
    state.now = DAY - 1;
    const stop = certificate.renew(() => {});
    await until(() => errors.length > 0);
    assert.deepEqual(
      certificate.trouble().map(({ fatal }) => fatal),
      [false],
    );
    state.now = DAY;
    assert.deepEqual(certificate.trouble(), [{ message: "the certificate of the webhooks has expired", fatal: true }]);
    state.broken = false;
    await until(() => certificate.trouble().length === 0);
    stop();
  });

  it("is in force only once the server took it", async () => {
    const { state, errors, open } = world();
    const certificate = await open();
    state.now = DAY - 1;
    const stop = certificate.renew(() => {
      throw new Error("no pair");
    });
    await until(() => errors.length > 1);
    stop();
    assert.equal(certificate.trouble().length, 1);
  });
});
