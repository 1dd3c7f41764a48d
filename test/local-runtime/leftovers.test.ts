/** However a machine ends, nothing of it is left; and two of them do not meet. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { killLeftovers, stopMachine } from "../../src/local/runtime/launch.ts";
import { type LauncherRecord, readLauncher } from "../../src/local/runtime/launcher-record.ts";
import { namespaceOf, population, TestMachine } from "./harness.ts";
import { myself, noOrdinaryUser, ordinaryUser, type Starter } from "./starters.ts";

/** What the host's network and mounts look like. */
function host(): Readonly<Record<string, string>> {
  const namespaces = existsSync("/run/netns") ? readdirSync("/run/netns").join() : "";
  return {
    interfaces: readdirSync("/sys/class/net").sort().join(),
    mounts: readFileSync("/proc/self/mountinfo", "utf8"),
    routes: readFileSync("/proc/net/route", "utf8"),
    namespaces,
    forwarding: readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8"),
  };
}

async function eventually(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 150 && !condition(); tries += 1) await sleep(20);
  assert.ok(condition(), what);
}

function endingCases(who: string, makeStarter: () => Starter): void {
  describe(`the end of a machine started by ${who}`, () => {
    let starter: Starter;
    const machines: TestMachine[] = [];
    before(() => {
      starter = makeStarter();
    });
    after(async () => {
      for (const machine of machines) await machine.end();
      starter?.remove();
    });

    /** A machine with two pods, stubborn processes in them. */
    async function populated(): Promise<{ machine: TestMachine; record: LauncherRecord; space: string }> {
      const machine = await new TestMachine(starter).ready();
      machines.push(machine);
      await machine.pod("a", "10.244.0.10", { files: { "sds_key.pem": "not a key" } });
      await machine.pod("b", "10.244.0.11");
      await machine.start("a", ["sh", "-c", "trap '' TERM; setsid sleep 300 & while :; do sleep 1; done"]);
      const record = readLauncher(machine.stateDir);
      assert.ok(record?.init !== undefined && record.main !== undefined);
      const space = namespaceOf(record.init.pid, "net");
      assert.ok(space !== undefined && population("net", space).length >= 3);
      return { machine, record, space };
    }

    for (const [victim, title] of [
      ["outer", "of the launcher"],
      ["launcher", "of the process that made the namespaces"],
      ["init", "of the first process inside"],
      ["main", "of the program inside"],
    ] as const) {
      it(`survives nothing of a kill -9 ${title}`, async () => {
        const asBefore = host();
        const { machine, record, space } = await populated();
        process.kill(record[victim]?.pid ?? 0, "SIGKILL");
        await eventually("processes are left", () => population("net", space).length === 0);
        await killLeftovers(machine.stateDir);
        assert.deepEqual(readdirSync(machine.stateDir), ["logs"]);
        assert.deepEqual(host(), asBefore);
        assert.equal(readLauncher(machine.stateDir), undefined);
      });
    }

    it("lets the program inside clean up on SIGTERM, and gives its exit code", async () => {
      const { machine, record, space } = await populated();
      process.kill(record.outer.pid, "SIGTERM");
      assert.equal(await machine.ended, 7);
      assert.equal(population("net", space).length, 0);
      assert.deepEqual(readdirSync(machine.stateDir), ["logs"]);
    });

    it("is brought about by stopMachine, also where the program inside hangs", async () => {
      const { machine, record, space } = await populated();
      process.kill(record.main?.pid ?? 0, "SIGSTOP");
      assert.equal(await stopMachine(machine.stateDir, 300), true);
      assert.equal(population("net", space).length, 0);
      assert.equal(await stopMachine(machine.stateDir, 300), false);
    });

    it("comes at once with a second signal", async () => {
      const { machine, record, space } = await populated();
      process.kill(record.main?.pid ?? 0, "SIGSTOP");
      process.kill(record.outer.pid, "SIGINT");
      await sleep(300);
      assert.notEqual(population("net", space).length, 0);
      process.kill(record.outer.pid, "SIGINT");
      assert.equal(await machine.ended, 137);
      assert.equal(population("net", space).length, 0);
    });

    it("leaves the folder free for the next, which refuses to share it while it lives", async () => {
      const { machine, record } = await populated();
      process.kill(record.outer.pid, "SIGKILL");
      await machine.ended;
      const next = await new TestMachine(starter, { stateDir: machine.stateDir }).ready();
      machines.push(next);
      const third = new TestMachine(starter, { stateDir: machine.stateDir });
      assert.equal(await third.ended, 1);
      assert.match(third.stderr, /a machine runs with \S+ already \(process \d+\): stop it with `osm local down`/);
      await next.pod("a", "10.244.0.10");
    });
  });
}

endingCases("the user of the tests", myself);

const reason = noOrdinaryUser();
if (reason === undefined) endingCases("an ordinary user", ordinaryUser);
else it("the end of a machine started by an ordinary user", { skip: reason }, () => undefined);

describe("two machines", () => {
  it("have the same addresses and do not see each other", async () => {
    const [one, two] = await Promise.all([new TestMachine(myself()).ready(), new TestMachine(myself()).ready()]);
    try {
      for (const machine of [one, two]) await machine.pod("a", "10.244.0.10");
      await one.pod("b", "10.244.0.11");
      await one.start("a", ["python3", "-m", "http.server", "80"]);
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
        "http://10.244.0.10/",
      ];
      assert.equal((await one.exec("b", curl)).code, 0);
      assert.equal((await two.exec("a", ["curl", "--silent", "http://10.244.0.10/"])).code, 7);
      assert.equal((await two.exec("a", ["curl", "--silent", "http://10.244.0.11/"])).code, 7);
      await one.end();
      assert.equal((await two.exec("a", ["true"])).code, 0);
    } finally {
      await Promise.all([one.end(), two.end()]);
    }
  });
});

describe("`osm` in a pod", () => {
  it("is the executable itself, for every user, where there is one", async () => {
    const machine = await new TestMachine(myself(), { osm: ["/bin/echo"] }).ready();
    try {
      await machine.pod("a", "10.244.0.10");
      assert.equal((await machine.exec("a", ["osm", "hello"], { uid: 1234 })).output, "hello\n");
    } finally {
      await machine.end();
    }
  });
});

describe("a machine that cannot be", () => {
  it("is an error and leaves no record", async () => {
    const stateDir = mkdtempSync(join(tmpdir(), "osm-local-runtime-"));
    const machine = new TestMachine({ ...myself(), inside: ["/nowhere/osm"] }, { stateDir });
    assert.equal(await machine.ended, 127);
    assert.match(machine.stderr, /\/nowhere\/osm/);
    assert.deepEqual(readdirSync(stateDir), []);
    rmSync(stateDir, { recursive: true });
  });
});
