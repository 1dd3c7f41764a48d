import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ServiceAddress } from "./ports.ts";
import { buildServiceRules } from "./service-rules.ts";

const web: ServiceAddress = {
  ip: "10.96.0.9",
  port: 80,
  protocol: "tcp",
  endpoints: [
    { ip: "10.244.0.12", port: 8080 },
    { ip: "10.244.0.11", port: 8080 },
    { ip: "10.244.0.13", port: 8080 },
  ],
};
const none: ServiceAddress = { ip: "10.96.0.4", port: 81, protocol: "tcp", endpoints: [] };

/** Walks the chain of a service like the kernel, and returns the share of connections that each endpoint gets. */
function shares(text: string, chain: string): Record<string, number> {
  const result: Record<string, number> = {};
  let left = 1;
  for (const [, probability, target] of text.matchAll(
    new RegExp(`^-A ${chain}(?: .*--probability (\\S+))? -j (\\S+)$`, "gm"),
  )) {
    const taken = left * Number(probability ?? 1);
    const [, address = ""] = text.match(new RegExp(`^-A ${target} .*--to-destination (\\S+)$`, "m")) ?? [];
    result[address] = Number(taken.toFixed(6));
    left -= taken;
  }
  return result;
}

describe("buildServiceRules", () => {
  it("spreads connections equally", () => {
    const text = buildServiceRules([web]);
    assert.match(text, /^-A OSM-SERVICES -d 10\.96\.0\.9\/32 -p tcp --dport 80 -j OSM-SVC-0$/m);
    assert.deepEqual(shares(text, "OSM-SVC-0"), {
      "10.244.0.11:8080": 0.333333,
      "10.244.0.12:8080": 0.333333,
      "10.244.0.13:8080": 0.333333,
    });
  });

  it("refuses connections to a service without endpoints, and translates none", () => {
    const text = buildServiceRules([none]);
    assert.match(text, /^-A OSM-REFUSED -d 10\.96\.0\.4\/32 -p tcp --dport 81 -j REJECT --reject-with tcp-reset$/m);
    assert.doesNotMatch(text, /DNAT/);
  });

  it("marks what comes back to its sender, so that the answer takes the same way", () => {
    const marked = buildServiceRules([web]).match(/^-A OSM-EP-\S+ -s \S+ -j MARK --set-xmark 0x4000\/0x4000$/gm);
    assert.equal(marked?.length, 3);
  });

  it("does not depend on the order of services and endpoints", () => {
    const turned = { ...web, endpoints: web.endpoints.toReversed() };
    assert.equal(buildServiceRules([web, none]), buildServiceRules([none, turned]));
  });

  it("empties both tables for an empty list", () => {
    const text = buildServiceRules([]);
    assert.equal(text.match(/^COMMIT$/gm)?.length, 2);
    assert.doesNotMatch(text, /REJECT|DNAT/);
  });
});
