import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Leaf } from "../ca/leaf.ts";
import { ProviderUnavailable } from "../ca/providers/unavailable.ts";
import { HandClock } from "../ca/testing/leaf-rig.ts";
import { Redacted } from "../core/base/redacted.ts";
import { issueServerCertificate } from "./server-certificate.ts";

const LOST = new Error("the key is lost");
const AWAY = new ProviderUnavailable({ provider: "Vault", kind: "unreachable", detail: "no answer", wayOut: "wait" });
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

function world() {
  const clock = new HandClock();
  const state: { broken: Error | undefined; issued: number; kept: Leaf | undefined } = {
    broken: undefined,
    issued: 0,
    kept: undefined,
  };
  const keep = {
    read: async () => state.kept,
    async write(leaf: Leaf) {
      state.kept = leaf;
    },
  };
  const issue = async (): Promise<Leaf> => {
    if (state.broken) throw state.broken;
    state.issued += 1;
    const key = new Redacted("");
    const serial = String(state.issued);
    const now = clock.now();
    const validity = { issuedAt: now, notBefore: now, notAfter: now + DAY };
    return { chain: serial, key, ...validity, issuerId: "", serial, version: "" };
  };
  const errors: string[] = [];
  const log = { info: () => {}, error: (message: string) => void errors.push(message) };
  const options = { authority: { issue }, dnsNames: () => ["a.test"] as const, server: "the webhooks", log, keep };
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
    state.broken = LOST;
    const stop = certificate.renew(() => {});
    await pass(DAY - 1);
    assert.ok(errors.length > 0);
    assert.deepEqual(
      certificate.trouble().map(({ fatal }) => fatal),
      [false],
    );
    await pass(1);
    assert.deepEqual(certificate.trouble(), [{ message: "the certificate of the webhooks has expired", fatal: true }]);
    state.broken = undefined;
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

  it("is the one that was kept, while the authority is away, and replaced as soon as it is back", async () => {
    const { state, open, pass, errors } = world();
    await open();
    state.broken = AWAY;
    const certificate = await open();
    const used: string[] = [];
    const stop = certificate.renew(({ chain }) => used.push(chain));
    assert.equal(certificate.first.chain, "1");
    assert.match(certificate.trouble()[0]?.message ?? "", /could not be renewed/);
    assert.match(errors[0] ?? "", /was kept/);
    state.broken = undefined;
    await pass(MINUTE);
    assert.deepEqual([used, certificate.trouble(), state.kept?.chain], [["2"], [], "2"]);
    stop();
  });

  it("is missing if the authority is away and none was kept, or says no", async () => {
    const { state, open } = world();
    state.broken = AWAY;
    await assert.rejects(open(), /no answer/);
    state.broken = undefined;
    await open();
    state.broken = LOST;
    await assert.rejects(open(), /the key is lost/);
  });
});
