/** The init container's script, run by a shell with the real iptables, in a network namespace that goes with it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { injectSidecar } from "../../src/core/inject/patch.ts";
import { injectionCases, patched } from "../support/injection-cases.ts";

interface Answered {
  readonly code: number;
  readonly output: string;
}

/** What the kubelet makes of `args`, and then which rules there are. */
function runScript(script: string): Promise<Answered> {
  const isolated = process.getuid?.() === 0 ? ["-n"] : ["-Urn"];
  const argv = [...isolated, "/bin/sh", "-e", "-c", `${script}\niptables-save -t nat`];
  return new Promise((resolve) => {
    execFile("unshare", argv, { timeout: 20_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, output: stdout + stderr }),
    );
  });
}

function scriptOf(pod: unknown): string | undefined {
  const text = JSON.stringify(pod);
  const { initContainers = [] } = JSON.parse(text).spec;
  const init = initContainers.find(({ name }: { name: string }) => name === "osm-init");
  return init?.args?.[0]?.replaceAll("$(POD_IP)", "10.9.8.7");
}

describe("the init container", () => {
  for (const { name, request } of injectionCases()) {
    const outcome = injectSidecar(request);
    const script = outcome.kind === "inject" ? scriptOf(patched(request.pod, outcome.patch)) : undefined;
    if (script === undefined) continue;

    it(`${name}: leads connections as it says`, async () => {
      const { code, output } = await runScript(script);
      assert.equal(code, 0, output);
      assert.match(output, /-A OSM_PROXY_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15003/);
      assert.match(output, /-A OSM_PROXY_OUT_REDIRECT -p tcp -j REDIRECT --to-ports 15001/);
      if (name === "redirection") assert.match(output, /--to-destination 10\.9\.8\.7/);
    });
  }

  it("fails aloud where a rule is none, so that the pod does not start without its rules", async () => {
    const { code } = await runScript(
      "iptables-restore --noflush <<'RULES'\n*nat\n-A NOWHERE -j RETURN\nCOMMIT\nRULES\n",
    );
    assert.equal(code, 1);
  });
});
