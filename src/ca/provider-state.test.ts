import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Outage } from "./provider.ts";
import { providerStates } from "./provider-state.ts";
import { ProviderUnavailable } from "./providers/unavailable.ts";
import { IssueRefused } from "./refusal.ts";

const NOW = Date.UTC(2026, 10, 23);
const sealed = new ProviderUnavailable({ provider: "Vault at x", kind: "sealed", detail: "s.token", wayOut: "unseal" });
const owner = (provider: string, outage?: Partial<Outage>) => ({
  providerState: () => ({
    provider,
    outage: outage && { since: NOW - 5000, failures: 2, error: sealed, retryAt: NOW, ...outage },
  }),
});

describe("the state of providers", () => {
  it("says since when one fails, for how long and of what kind, and nothing that it said itself", () => {
    const states = providerStates(owner("vault", {}), [], NOW);
    const outage = { since: NOW - 5000, lasted: 5000, kind: "sealed", failures: 2 };
    assert.deepEqual(states, [{ name: "vault", signing: true, outage }]);
    assert.doesNotMatch(JSON.stringify(states), /s\.token|unseal/);
  });

  it("knows refusals by their kind, and everything else as other", () => {
    const kind = (error: unknown) => providerStates(owner("vault", { error }), [], NOW)[0]?.outage?.kind;
    const moved = new IssueRefused({ kind: "root-changed", provider: "vault", trusted: "a", got: "b" });
    assert.equal(kind(moved), "root-changed");
    assert.equal(kind(new Error("s.token")), "other");
  });

  it("names each provider once: one that signs and serves is the same, and of two the one that fails longer counts", () => {
    const builtin = owner("builtin");
    assert.deepEqual(providerStates(builtin, [builtin], NOW), [{ name: "builtin", signing: true, outage: undefined }]);
    assert.deepEqual(
      providerStates(owner("vault"), [owner("builtin"), owner("vault", { since: NOW - 9000 })], NOW).map(
        ({ name, signing, outage }) => [name, signing, outage?.lasted],
      ),
      [
        ["vault", true, 9000],
        ["builtin", false, undefined],
      ],
    );
    const both = providerStates(owner("vault", { since: NOW - 1 }), [owner("vault", { since: NOW - 9 })], NOW);
    assert.deepEqual([both.length, both[0]?.outage?.lasted], [1, 9]);
  });

  it("a clock that was set back gives no negative length", () => {
    assert.equal(providerStates(owner("vault", { since: NOW + 60_000 }), [], NOW)[0]?.outage?.lasted, 0);
  });
});
