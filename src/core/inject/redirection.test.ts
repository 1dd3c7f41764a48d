import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildRedirection, POD_IP_VARIABLE, type RedirectionOptions } from "./redirection.ts";

const PLAIN: RedirectionOptions = {
  proxyUid: 1500,
  inboundPortExclusions: [],
  outboundPortExclusions: [],
  outboundIpRangeExclusions: [],
  outboundIpRangeInclusions: [],
  interfaceExclusions: [],
};

function rulesOf(options: Partial<RedirectionOptions>, chain: string): string[] {
  return buildRedirection({ ...PLAIN, ...options })
    .split("\n")
    .filter((line) => line.startsWith(`-A ${chain} `) || line.startsWith(`-I ${chain} `))
    .map((line) => line.slice(`-A ${chain} `.length));
}

describe("buildRedirection", () => {
  it("is a whole table that leaves other rules in place", () => {
    const lines = buildRedirection(PLAIN).split("\n");
    assert.equal(lines[0], "*nat");
    assert.deepEqual(lines.slice(-2), ["COMMIT", ""]);
    assert.equal(lines.filter((line) => line.startsWith(":")).length, 4);
  });

  it("writes OSM's inbound rules in OSM's order", () => {
    assert.deepEqual(rulesOf({}, "PREROUTING"), ["-p tcp -j OSM_PROXY_INBOUND"]);
    assert.deepEqual(
      rulesOf({ interfaceExclusions: ["eth1"], inboundPortExclusions: [6379, 22, 22] }, "OSM_PROXY_INBOUND"),
      [
        "-p tcp -m multiport --dports 22,6379 -j RETURN",
        "-i eth1 -j RETURN",
        "-p tcp --dport 15010 -j RETURN",
        "-p tcp --dport 15901 -j RETURN",
        "-p tcp --dport 15902 -j RETURN",
        "-p tcp --dport 15903 -j RETURN",
        "-p tcp --dport 15904 -j RETURN",
        "-p tcp -j OSM_PROXY_IN_REDIRECT",
      ],
    );
    assert.deepEqual(rulesOf({}, "OSM_PROXY_IN_REDIRECT"), ["-p tcp -j REDIRECT --to-ports 15003"]);
  });

  it("writes OSM's outbound rules in OSM's order, the exclusions before the redirection", () => {
    const options = {
      interfaceExclusions: ["net1"],
      outboundIpRangeExclusions: ["10.0.0.0/8"],
      outboundPortExclusions: [3306],
    };
    assert.deepEqual(rulesOf(options, "OSM_PROXY_OUTBOUND"), [
      "-o lo ! -d 127.0.0.1/32 -m owner --uid-owner 1500 -j OSM_PROXY_IN_REDIRECT",
      "-o lo -m owner ! --uid-owner 1500 -j RETURN",
      "-m owner --uid-owner 1500 -j RETURN",
      "-d 127.0.0.1/32 -j RETURN",
      "-o net1 -j RETURN",
      "-d 10.0.0.0/8 -j RETURN",
      "-p tcp -m multiport --dports 3306 -j RETURN",
      "-j OSM_PROXY_OUT_REDIRECT",
    ]);
    assert.deepEqual(rulesOf({}, "OUTPUT"), ["-p tcp -j OSM_PROXY_OUTBOUND"]);
    assert.deepEqual(rulesOf({}, "OSM_PROXY_OUT_REDIRECT"), ["-p tcp -j REDIRECT --to-ports 15001"]);
  });

  it("leads only the included ranges through the proxy, if there are any", () => {
    const rules = rulesOf({ outboundIpRangeInclusions: ["10.1.0.0/16", "10.2.3.4"] }, "OSM_PROXY_OUTBOUND");
    assert.deepEqual(rules.slice(4), [
      "-d 10.1.0.0/16 -j OSM_PROXY_OUT_REDIRECT",
      "-d 10.2.3.4 -j OSM_PROXY_OUT_REDIRECT",
      "-j RETURN",
    ]);
  });

  it("leads Envoy to the pod's address in PodIP mode", () => {
    assert.deepEqual(rulesOf({ podIp: "10.9.8.7" }, "OUTPUT"), [
      "-p tcp -j OSM_PROXY_OUTBOUND",
      "-o lo -p tcp -d 127.0.0.1/32 ! --dport 15000 -m owner --uid-owner 1500 -j DNAT --to-destination 10.9.8.7",
    ]);
    const text = buildRedirection({ ...PLAIN, podIp: "10.9.8.7" });
    assert.match(text, /^-I OUTPUT .*DNAT/m);
  });

  it("leaves the place for an address that the pod does not have yet", () => {
    assert.match(buildRedirection({ ...PLAIN, podIp: POD_IP_VARIABLE }), /--to-destination \$\(POD_IP\)$/m);
  });

  it("lets further ports of the sidecar past, before the rule that takes everything", () => {
    const rules = rulesOf({ probePorts: [15905] }, "OSM_PROXY_INBOUND");
    assert.deepEqual(rules.slice(-2), ["-p tcp --dport 15905 -j RETURN", "-p tcp -j OSM_PROXY_IN_REDIRECT"]);
  });

  it("spreads ports over rules of fifteen, which is what the kernel takes", () => {
    const ports = Array.from({ length: 31 }, (_, i) => 2000 + i);
    const rules = rulesOf({ inboundPortExclusions: ports }, "OSM_PROXY_INBOUND").filter((rule) =>
      rule.includes("multiport"),
    );
    assert.deepEqual(
      rules.map((rule) => rule.split(",").length),
      [15, 15, 1],
    );
  });

  for (const [what, options] of Object.entries({
    "a range that is a rule of its own": { outboundIpRangeExclusions: ["10.0.0.0/8 -j ACCEPT\n-A OUTPUT"] },
    "a range with an option": { outboundIpRangeInclusions: ["-j"] },
    "an address beyond 255": { outboundIpRangeInclusions: ["10.0.0.256"] },
    "a prefix beyond 32": { outboundIpRangeExclusions: ["10.0.0.0/33"] },
    "an IPv6 range": { outboundIpRangeExclusions: ["fd00::/8"] },
    "an interface with a line end": { interfaceExclusions: ["eth0\n"] },
    "an interface that is an option": { interfaceExclusions: ["-j"] },
    "port zero": { outboundPortExclusions: [0] },
    "a port that is no number": { inboundPortExclusions: [Number.NaN] },
    "a pod address that is a command": { podIp: "$(reboot)" },
    "a probe port beyond 65535": { probePorts: [70_000] },
    "user zero": { proxyUid: 0 },
  } satisfies Record<string, Partial<RedirectionOptions>>)) {
    it(`refuses ${what}`, () => assert.throws(() => buildRedirection({ ...PLAIN, ...options }), RangeError));
  }
});
