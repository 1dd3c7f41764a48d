import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Leaf } from "../ca/leaf.ts";
import { HandClock } from "../ca/testing/leaf-rig.ts";
import { Redacted } from "../core/base/redacted.ts";
import { issueServerCertificate } from "./server-certificate.ts";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

function world() {
  const clock = new HandClock();
  const state = { broken: false, issued: 0 };
  const issue = async (): Promise<Leaf> => {
    if (state.broken) throw new Error("the key is lost");
    state.issued += 1;
    const key = new Redacted("");
    const serial = String(state.issued);
    const now = clock.now();
    const validity = { issuedAt: now, notBefore: now, notAfter: now + DAY };
    return { chain: serial, key, ...validity, issuerId: "", serial, version: "" };
  };
  const errors: string[] = [];
  const log = { info: () => {}, error: (message: string) => void errors.push(message) };
  const options = { authority: { issue }, dnsNames: () => ["a.test"] as const, server: "the webhooks", log };
  const pass = (span: number) => clock.pass(span, settle);
  return { clock, state, errors, pass, open: () => issueServerCertificate({ ...options, clock }) };
}

/** Whatever was begun has ended by then: nothing here waits for more than the promises before it. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("server certificate", () => {
  it("is replaced at half of its life, once", async () => {
    const { clock, open, pass } = world();
    const used: string[] = [];
    const certificate = await open();
    const stop = certificate.renew(({ chain }) => used.push(chain));
    await pass(DAY / 2 - 1);
    assert.deepEqual(used, []);
    await pass(1);
    assert.deepEqual(used, ["2"]);
    await pass(DAY / 2 - 1);
    assert.deepEqual(used, ["2"]);
    stop();
    assert.equal(clock.timers.size, 0);
    await pass(DAY);
    assert.deepEqual(used, ["2"]);
  });

  it("is trouble when it cannot be renewed, fatal once it ends, and none when that is over", async () => {
    const { state, errors, open, pass } = world();
    const certificate = await open();
    assert.deepEqual(certificate.trouble(), []);
    state.broken = true;
    const stop = certificate.renew(() => {});
    await pass(DAY - 1);
    assert.ok(errors.length > 0);
    assert.deepEqual(
      certificate.trouble().map(({ fatal }) => fatal),
      [false],
    );
    await pass(1);
    assert.deepEqual(certificate.trouble(), [{ message: "the certificate of the webhooks has expired", fatal: true }]);
    state.broken = false;
    await pass(MINUTE);
    assert.deepEqual(certificate.trouble(), []);
    stop();
  });

  it("a clock that jumps ahead is noticed within a minute", async () => {
    const { clock, open, pass } = world();
    const certificate = await open();
    const stop = certificate.renew(() => {});
    clock.wall += DAY - MINUTE;
    await pass(MINUTE);
    assert.equal(certificate.current().chain, "2");
    stop();
  });

  it("is in force only once the server took it", async () => {
    const { errors, open, pass } = world();
    const certificate = await open();
    const stop = certificate.renew(() => {
      throw new Error("no pair");
    });
    await pass(DAY / 2 + MINUTE);
    assert.ok(errors.length > 1);
    stop();
    assert.equal(certificate.current().chain, "1");
    assert.equal(certificate.trouble().length, 1);
  });
});
