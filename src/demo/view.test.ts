import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { PodProxy, PodStatus } from "./ports.ts";
import { IN_COLOUR, PLAIN, renderLines, renderScreen, spanText } from "./render.ts";
import { buildReport } from "./report.ts";
import type { Sample } from "./sample.ts";
import { INITIAL_SWITCHES } from "./switches.ts";
import { EMPTY_TALLY, type Tally } from "./tally.ts";
import { buildView, type ViewInput } from "./view.ts";

const HOUR = 3_600_000;

function pod(namespace: string, app: string, change: Partial<PodProxy> | "no sidecar" = {}): PodStatus {
  const proxy: PodProxy = {
    identity: `${namespace}/${app}`,
    connected: true,
    certificate: { notBefore: 0, notAfter: 24 * HOUR },
    handshakes: 3,
    ...(change === "no sidecar" ? {} : change),
  };
  const name = `${app}-0`;
  return {
    namespace,
    name,
    labels: { app, version: "v1" },
    ready: true,
    reason: "",
    proxy: change === "no sidecar" ? undefined : proxy,
  };
}

const served = (v1: number, v2: number): Tally => ({
  ...EMPTY_TALLY,
  requests: v1 + v2,
  ok: v1 + v2,
  answers: { "200": v1 + v2 },
  by_identity: { "bookstore-v1": v1, "bookstore-v2": v2 },
});
const refused = (count: number): Tally => ({
  ...EMPTY_TALLY,
  requests: count,
  denied: count,
  answers: { refused: count },
});

const PODS = [pod("bookthief", "bookthief"), pod("bookstore", "bookstore"), pod("bookbuyer", "bookbuyer")];

function sample(at: number, buyer: Tally, thief: Tally, pods: readonly PodStatus[] = PODS): Sample {
  return {
    at,
    pods,
    calls: new Map([
      ["bookbuyer/bookbuyer-0", { bookstore: buyer }],
      ["bookthief/bookthief-0", { bookstore: thief }],
    ]),
  };
}

function input(change: Partial<ViewInput> = {}): ViewInput {
  return {
    started: 0,
    switches: INITIAL_SWITCHES,
    base: sample(HOUR, served(100, 0), refused(5)),
    previous: sample(HOUR + 8_000, served(180, 10), refused(20)),
    current: sample(HOUR + 10_000, served(198, 12), refused(30)),
    renewals: new Map([["bookbuyer/bookbuyer-0", 2]]),
    ...change,
  };
}

describe("buildView()", () => {
  it("counts since the base and rates since the look before", () => {
    const [buyer, thief, ...others] = buildView(input()).calls;
    assert.deepEqual(others, []);
    assert.deepEqual(
      [buyer?.from, buyer?.to, buyer?.rate, buyer?.tally.ok, buyer?.mtls],
      ["bookbuyer", "bookstore", 10, 110, "yes"],
    );
    assert.deepEqual([thief?.from, thief?.rate, thief?.tally.denied, thief?.mtls], ["bookthief", 5, 25, "idle"]);
    assert.deepEqual(buildView(input()).split, { v1: 98, v2: 12 });
  });

  it("gives each identity the age of its certificate", () => {
    const view = buildView(input());
    assert.deepEqual(
      view.identities.map(({ identity }) => identity),
      ["bookbuyer/bookbuyer", "bookstore/bookstore", "bookthief/bookthief"],
    );
    assert.deepEqual(view.identities[0]?.certificate, { age: HOUR + 10_000, expiresIn: 23 * HOUR - 10_000 });
    assert.equal(view.identities[0]?.renewals, 2);
  });

  it("says yes to mutual TLS only where both ends have a sidecar and the server counted a handshake", () => {
    const mtls = (store: PodStatus, buyer = pod("bookbuyer", "bookbuyer")) =>
      buildView(input({ current: sample(HOUR + 10_000, served(198, 12), refused(0), [store, buyer]) })).calls[0]?.mtls;
    assert.equal(mtls(pod("bookstore", "bookstore")), "yes");
    assert.equal(mtls(pod("bookstore", "bookstore", { handshakes: 0 })), "no");
    assert.equal(mtls(pod("bookstore", "bookstore", { handshakes: undefined })), "unknown");
    assert.equal(mtls(pod("bookstore", "bookstore", "no sidecar")), "no");
    assert.equal(mtls(pod("bookstore", "bookstore"), pod("bookbuyer", "bookbuyer", "no sidecar")), "no");
  });

  it("leaves out what did not answer, and survives two looks at one instant", () => {
    const view = buildView(input({ current: { at: HOUR + 8_000, pods: PODS, calls: new Map() } }));
    assert.deepEqual(view.calls, []);
    assert.deepEqual(view.split, { v1: 0, v2: 0 });
    const still = buildView(input({ previous: input().current })).calls;
    assert.deepEqual(
      still.map(({ rate }) => rate),
      [0, 0],
    );
  });
});

describe("renderScreen()", () => {
  const screen = renderScreen(buildView(input()), PLAIN);

  it("shows calls, the split, the identities and the keys", () => {
    assert.match(screen, /SMI mode, bookthief denied, split v1 90 \/ v2 10 {2}up 1h00m/);
    assert.match(screen, /bookbuyer +bookstore +10\.0 +110 +0 +0 +yes +200 x110/);
    assert.match(screen, /bookthief +bookstore +5\.0 +0 +25 +0 +idle +refused x25/);
    assert.match(screen, /v1 █{36}░{4} v2 {2}v1 89\.1 % \(98\) {2}v2 10\.9 % \(12\)/);
    assert.match(screen, /bookbuyer\/bookbuyer +bookbuyer-0 +yes +1h00m old +22h59m +2x/);
    assert.match(screen, /allow\/deny bookthief/);
  });

  it("has no escape codes unless it is painted, and the same words if it is", () => {
    assert.ok(!screen.includes("\u001b"));
    const painted = renderScreen(buildView(input()), IN_COLOUR);
    assert.ok(painted.includes("\u001b"));
    assert.equal(stripVTControlCharacters(painted), screen);
  });

  it("says so when there is nothing yet, and when a certificate has expired", () => {
    const pods = [
      pod("bookbuyer", "bookbuyer", { certificate: undefined }),
      pod("bookstore", "bookstore", { certificate: { notBefore: 0, notAfter: 1 } }),
    ];
    const empty = { at: HOUR, pods, calls: new Map() };
    const text = renderScreen(
      buildView(input({ base: empty, previous: empty, current: empty, renewals: new Map() })),
      PLAIN,
    );
    assert.match(text, /no answers yet/);
    assert.match(text, /none yet/);
    assert.match(text, /expired/);
  });
});

describe("renderLines()", () => {
  it("has a line a pair of applications", () => {
    const text = renderLines(buildView(input())).join("\n");
    assert.match(
      text,
      /bookbuyer -> bookstore {2}10\.0\/s {2}ok 110 {2}denied 0 {2}failed 0 {2}\(200 x110\) {2}mtls yes/,
    );
    assert.match(text, /certificates {2}3, oldest 1h00m/);
  });
});

describe("spanText()", () => {
  it("reads well at every size", () => {
    assert.deepEqual([-5, 0, 59_999, 60_000, 3_599_000, HOUR, 25 * HOUR].map(spanText), [
      "0s",
      "0s",
      "59s",
      "1m00s",
      "59m59s",
      "1h00m",
      "25h00m",
    ]);
  });
});

describe("buildReport()", () => {
  it("has the numbers of both clients, and counts connected proxies", () => {
    const pods = [...PODS, pod("x", "y", { connected: false }), pod("x", "z", "no sidecar")];
    assert.deepEqual(buildReport(12_345, sample(0, served(9, 1), refused(7), pods)), {
      ready_seconds: 12.35,
      proxies: 3,
      clients: {
        bookbuyer: { requests: 10, ok: 10, denied: 0, failed: 0, by_version: { v1: 9, v2: 1 } },
        bookthief: { requests: 7, ok: 0, denied: 7, failed: 0, by_version: { v1: 0, v2: 0 } },
      },
    });
  });
});
