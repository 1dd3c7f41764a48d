/** A machine where neither iptables nor iproute2 is installed: both are fetched, and nothing is installed. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { canFetch } from "../../src/local/tools/debian.ts";
import { findProgram } from "../../src/local/tools/find.ts";
import { TestMachine } from "./harness.ts";
import { myself } from "./starters.ts";

const PROGRAMS = ["ip", "iptables-restore", "iptables-nft-restore", "iptables-legacy-restore"];
/** Hides the programs from this process and its children: the file that remains is not executable. */
const HIDE = 'until [ "$1" = -- ]; do mount --bind /dev/null "$(readlink -f "$1")"; shift; done; shift; exec "$@"';

function hidden(): string[] {
  const folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
  return [...new Set(PROGRAMS.flatMap((name) => folders.map((folder) => join(folder, name)).filter(existsSync)))];
}

function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return "hiding what is installed needs root";
  return canFetch("ip") ? undefined : "only apt's packages can be fetched";
}

describe("a machine without iptables and iproute2", () => {
  const reason = obstacle();
  it("fetches them into the cache, and works with them", { skip: reason ?? false }, async () => {
    const cache = mkdtempSync(join(tmpdir(), "osm-cache-"));
    const starter = myself();
    const hide = [findProgram("unshare") ?? "unshare", "--mount", "--", "sh", "-c", HIDE, "hide", ...hidden(), "--"];
    const machine = new TestMachine({
      ...starter,
      outside: [...hide, ...starter.outside],
      env: { XDG_CACHE_HOME: cache },
    });
    try {
      await machine.ready();
      const redirection =
        "*nat\n:TO-ENVOY - [0:0]\n-A PREROUTING -p tcp -j TO-ENVOY\n-A TO-ENVOY -p tcp -m multiport --dports 81,82 -j REDIRECT --to-port 80\nCOMMIT\n";
      await machine.pod("a", "10.244.0.10", { redirection });
      await machine.pod("b", "10.244.0.11");
      const table = [
        { ip: "10.96.0.10", port: 80, protocol: "tcp", endpoints: [{ ip: "10.244.0.10", port: 82 }] },
      ] as const;
      await machine.order({ do: "services", table });
      await machine.start("a", ["python3", "-m", "http.server", "80"]);
      const curl = [
        "curl",
        "--silent",
        "--output",
        "/dev/null",
        "--retry",
        "20",
        "--retry-connrefused",
        "--retry-delay",
        "1",
        "http://10.96.0.10/",
      ];
      assert.equal((await machine.exec("b", curl)).code, 0);
      assert.notEqual((await machine.exec("b", ["ip", "link"])).code, 0, "ip was not hidden");
      assert.deepEqual(
        ["iproute2", "iptables"].map((name) => existsSync(join(cache, "osm", "debian", name))),
        [true, true],
      );
    } finally {
      await machine.end();
      rmSync(cache, { recursive: true });
    }
  });
});
