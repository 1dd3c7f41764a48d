/** The redirection's text, read by a real iptables-restore in a network namespace of its own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { buildRedirection, type RedirectionOptions } from "../../src/core/inject/redirection.ts";
import { iptablesTools } from "../../src/local/tools/system.ts";

const PLAIN: RedirectionOptions = {
  proxyUid: 1500,
  inboundPortExclusions: [],
  outboundPortExclusions: [],
  outboundIpRangeExclusions: [],
  outboundIpRangeInclusions: [],
  interfaceExclusions: [],
};

const FULL: RedirectionOptions = {
  proxyUid: 1500,
  podIp: "10.9.8.7",
  inboundPortExclusions: Array.from({ length: 40 }, (_, i) => 1000 + i),
  outboundPortExclusions: [3306],
  outboundIpRangeExclusions: ["10.0.0.0/8", "192.168.1.1"],
  outboundIpRangeInclusions: ["10.1.0.0/16"],
  interfaceExclusions: ["eth1", "veth+"],
};

/** Reads the texts one after the other. @returns the exit code of the first variant that this kernel can use, else of the last. */
function restore(...texts: readonly string[]): { readonly code: number | null; readonly output: string } {
  const tools = iptablesTools();
  assert.ok(tools.length > 0, "no iptables-restore: install iptables, or run `npm test`, which finds or fetches one");
  let last: { code: number | null; output: string } = { code: null, output: "" };
  for (const tool of tools) {
    last = restoreWith(tool, texts);
    if (last.code === 0) return last;
  }
  return last;
}

function restoreWith(tool: readonly string[], texts: readonly string[]): { code: number | null; output: string } {
  // Each text goes by a variable: a namespace that is gone with its shell leaves nothing to clean up.
  const steps = texts.map((_, i) => `printf '%s' "$TEXT${i}" | "$@" --noflush`).join(" && ");
  const namespaces = process.getuid?.() === 0 ? ["-n"] : ["-rn"];
  const { status, stderr } = spawnSync("unshare", [...namespaces, "sh", "-c", steps, "sh", ...tool], {
    env: { ...process.env, ...Object.fromEntries(texts.map((text, i) => [`TEXT${i}`, text])) },
    encoding: "utf8",
  });
  return { code: status, output: stderr };
}

describe("a real iptables-restore takes", () => {
  it("the plain redirection", () => {
    const { code, output } = restore(buildRedirection(PLAIN));
    assert.equal(code, 0, output);
  });

  it("every exclusion, inclusion and mode at once", () => {
    const { code, output } = restore(buildRedirection(FULL));
    assert.equal(code, 0, output);
  });

  it("the same text again, as when an init container runs twice", () => {
    const { code, output } = restore(buildRedirection(FULL), buildRedirection(FULL));
    assert.equal(code, 0, output);
  });

  it("not everything, so it does look", () => {
    const spoilt = buildRedirection(PLAIN).replace("--to-ports 15001", "--to-ports nowhere");
    assert.notEqual(restore(spoilt).code, 0);
  });
});
