import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UpstreamTrafficSetting } from "../model/upstream-traffic-setting.ts";
import { limitsOf, silenceOf } from "./connection-limits.ts";

function settingOf(connectionSettings: unknown): UpstreamTrafficSetting {
  const parsed = UpstreamTrafficSetting.parse({
    metadata: { namespace: "shop", name: "limits" },
    spec: { host: "api.shop.svc.cluster.local", connectionSettings },
  });
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  return parsed.value;
}

describe("limitsOf() gives", () => {
  for (const [what, written] of [
    ["no settings at all", undefined],
    ["empty ones", { tcp: {}, http: {} }],
    ["Envoy's own values", { tcp: { connectTimeout: "5s", idleTimeout: "1h" }, http: { idleTimeout: "60m" } }],
  ] as const) {
    it(`nothing for ${what}`, () => {
      assert.deepEqual(limitsOf(settingOf(written)), {});
      assert.equal(silenceOf(settingOf(written)), undefined);
    });
  }

  it("every field where it belongs", () => {
    const tcp = { maxConnections: 1, connectTimeout: "1500ms", idleTimeout: "3s" };
    const http = {
      maxRequests: 2,
      maxPendingRequests: 3,
      maxRetries: 4,
      maxRequestsPerConnection: 5,
      idleTimeout: "2s",
    };
    const setting = settingOf({ tcp, http });
    assert.deepEqual(limitsOf(setting), {
      maxConnections: 1,
      maxRequests: 2,
      maxPendingRequests: 3,
      maxRetries: 4,
      maxRequestsPerConnection: 5,
      connectTimeout: 1500,
      idleTimeout: 2000,
    });
    assert.equal(silenceOf(setting), 3000);
  });

  it("a limit of zero as a limit, and times of zero as for ever", () => {
    const setting = settingOf({
      tcp: { maxConnections: 0, idleTimeout: "0s" },
      http: { maxRequests: 0, idleTimeout: "0s" },
    });
    assert.deepEqual(limitsOf(setting), { maxConnections: 0, maxRequests: 0, idleTimeout: 0 });
    assert.equal(silenceOf(setting), 0);
  });
});
