import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { enterArgv, mappingArgs, subordinateRange } from "./enter-argv.ts";

const tools = { setsid: "/setsid", setpriv: "/setpriv", unshare: "/unshare", sh: "/sh" };

describe("enterArgv", () => {
  it("makes a user namespace without root only", () => {
    assert.ok(!enterArgv(tools, ["/osm"], "root").includes("--user"));
    assert.ok(enterArgv(tools, ["/osm"], "rootless").includes("--user"));
  });

  it("never makes a network without making processes and mounts private too, and dies with its launcher", () => {
    for (const rights of ["root", "rootless"] as const) {
      const argv = enterArgv(tools, ["/osm", "local", "inside"], rights);
      for (const option of ["--net", "--mount", "--pid", "--kill-child", "--mount-proc", "--pdeathsig"])
        assert.ok(argv.includes(option));
      assert.deepEqual(argv.slice(-4), ["osm-machine", "/osm", "local", "inside"]);
    }
  });
});

describe("subordinateRange", () => {
  const text = "other:100000:65536\nann:165536:1000\nann:200000:65536\n1002:300000:65536\n";

  it("takes the first range that can hold Envoy's user", () => {
    assert.deepEqual(subordinateRange(text, { name: "ann", id: 1001 }), { start: 200_000, count: 65_536 });
  });

  it("finds a user by number", () => {
    assert.deepEqual(subordinateRange(text, { name: "bob", id: 1002 }), { start: 300_000, count: 65_536 });
  });

  it("has nothing for others, for short ranges and for broken lines", () => {
    assert.equal(subordinateRange(text, { name: "an", id: 1 }), undefined);
    assert.equal(subordinateRange("ann:1:1499", { name: "ann", id: 1 }), undefined);
    assert.equal(subordinateRange("ann:x:65536\nann\n\n", { name: "ann", id: 1 }), undefined);
  });
});

describe("mappingArgs", () => {
  it("maps root to the user and everybody else to the range, one id after the other", () => {
    assert.deepEqual(mappingArgs(42, 1001, { start: 100_000, count: 70_000 }), [
      "42",
      "0",
      "1001",
      "1",
      "1",
      "100000",
      "65535",
    ]);
  });
});
