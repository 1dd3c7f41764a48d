import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { Probe } from "../../core/model/probe.ts";
import { backOff, countCrash } from "./back-off.ts";
import { ContainerRunner, type ContainerRunnerOptions } from "./container-runner.ts";
import { FakeClock } from "./fakes/fake-clock.ts";
import { FakeProcess } from "./fakes/fake-machine.ts";
import { initialProbeState, type ProbeRole, stepProbe } from "./probe-state.ts";

function probe(over: Partial<Probe> = {}): Probe {
  return {
    action: { kind: "tcp", port: 1, host: "" },
    initialDelaySeconds: 0,
    periodSeconds: 10,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
    ...over,
  };
}

describe("back-off", () => {
  it("is nothing at first, then a second, doubling to a minute", () => {
    assert.deepEqual([1, 2, 3, 4, 7, 8, 9, 50].map(backOff), [0, 1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000]);
  });

  it("is forgotten after a good minute", () => {
    assert.equal(countCrash(5, 59_999), 6);
    assert.equal(countCrash(5, 60_000), 1);
  });
});

describe("stepProbe", () => {
  const after = (role: ProbeRole, results: string, thresholds = { successThreshold: 1, failureThreshold: 3 }): string =>
    [...results].reduce((state, result) => stepProbe(state, result === "+", thresholds), initialProbeState(role))
      .verdict;

  it("starts alive, not ready and not known to have started", () => {
    assert.deepEqual(
      [after("liveness", ""), after("readiness", ""), after("startup", "")],
      ["passing", "failing", "unknown"],
    );
  });

  it("changes the verdict only after enough equal results in a row", () => {
    assert.equal(after("readiness", "+"), "passing");
    assert.equal(after("readiness", "+--"), "passing");
    assert.equal(after("readiness", "+--+--"), "passing");
    assert.equal(after("readiness", "+---"), "failing");
    assert.equal(after("readiness", "+-+", { successThreshold: 2, failureThreshold: 1 }), "failing");
    assert.equal(after("readiness", "-++", { successThreshold: 2, failureThreshold: 1 }), "passing");
    assert.equal(after("startup", "--"), "unknown");
    assert.equal(after("startup", "---"), "failing");
  });
});

describe("ContainerRunner", () => {
  let clock = new FakeClock();
  let processes: FakeProcess[] = [];
  let answers: Record<string, boolean> = {};
  let asked: string[] = [];

  beforeEach(() => {
    clock = new FakeClock();
    processes = [];
    answers = { startup: true, readiness: true, liveness: true };
    asked = [];
  });

  function runner(over: Partial<ContainerRunnerOptions> = {}): ContainerRunner {
    const { probes = {} } = over;
    return new ContainerRunner({
      name: "app",
      restart: "Always",
      grace: 1000,
      clock,
      run: () => {
        const process = new FakeProcess({ log: "app", argv: ["app"] }, []);
        processes.push(process);
        return process;
      },
      perform: async (one) => {
        const role = Object.entries(probes).find(([, value]) => value === one)?.[0] ?? "";
        asked.push(`${clock.now()} ${role}`);
        return { ok: answers[role] ?? false, detail: "HTTP 500" };
      },
      onChange: () => undefined,
      ...over,
      probes,
    });
  }

  it("restarts a crashed container at once, then after longer and longer pauses", async () => {
    const one = runner();
    one.start();
    const pauses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const before = clock.now();
      processes.at(-1)?.exit(1);
      while (processes.length === i + 1) await clock.advance(100);
      pauses.push(clock.now() - before - 100);
    }
    assert.deepEqual(pauses, [0, 900, 1900, 3900]);
    assert.equal(one.view().restarts, 4);
    assert.equal(one.view().state.kind, "running");
  });

  it("says why it waits", async () => {
    const one = runner();
    one.start();
    processes[0]?.exit(1);
    await clock.advance(0);
    processes[1]?.exit(3);
    await clock.advance(0);
    assert.deepEqual(one.view().state, {
      kind: "waiting",
      reason: "CrashLoopBackOff",
      message: "exit code 3; restarts in 1 s",
    });
  });

  it("does not restart what should end: OnFailure with 0, Never with anything", async () => {
    const [done, failed] = [runner({ restart: "OnFailure" }), runner({ restart: "Never" })];
    done.start();
    failed.start();
    processes[0]?.exit(0);
    processes[1]?.exit(4);
    assert.deepEqual(await Promise.all([done.finished, failed.finished]), [true, false]);
    await clock.advance(100_000);
    assert.equal(processes.length, 2);
    assert.deepEqual(failed.view().state, { kind: "terminated", code: 4 });
  });

  it("is ready once its readiness probe passes, and not any more after enough failures", async () => {
    answers["readiness"] = false;
    const one = runner({ probes: { readiness: probe({ failureThreshold: 2 }) } });
    one.start();
    await clock.advance(300);
    assert.equal(one.view().ready, false);
    answers["readiness"] = true;
    await clock.advance(1000);
    assert.equal(one.view().ready, true);
    answers["readiness"] = false;
    await clock.advance(10_000);
    assert.equal(one.view().ready, true, "one failure of two");
    await clock.advance(10_000);
    assert.equal(one.view().ready, false);
    assert.equal(processes.length, 1, "readiness restarts nothing");
  });

  it("looks more often before the first success, and then at its period", async () => {
    answers["readiness"] = false;
    runner({ probes: { readiness: probe({ initialDelaySeconds: 1 }) } }).start();
    await clock.advance(3000);
    answers["readiness"] = true;
    await clock.advance(15_000);
    assert.deepEqual(asked, [
      "1000 readiness",
      "1250 readiness",
      "1750 readiness",
      "2750 readiness",
      "4750 readiness",
      "14750 readiness",
    ]);
  });

  it("restarts a container whose liveness probe fails, and probes the new one afresh", async () => {
    const one = runner({ probes: { liveness: probe({ periodSeconds: 1 }) } });
    one.start();
    await clock.advance(1500);
    answers["liveness"] = false;
    await clock.advance(1000);
    assert.equal(processes.length, 1);
    await clock.advance(2000);
    assert.equal(processes.length, 2);
    answers["liveness"] = true;
    await clock.advance(60_000);
    assert.equal(processes.length, 2);
    assert.equal(one.view().restarts, 1);
  });

  it("asks for nothing else before the startup probe passed, and restarts where it never does", async () => {
    answers["startup"] = false;
    const one = runner({ probes: { startup: probe({ periodSeconds: 1 }), readiness: probe(), liveness: probe() } });
    one.start();
    await clock.advance(1500);
    assert.deepEqual(asked, ["0 startup", "1000 startup"]);
    assert.equal(one.view().ready, false);
    await clock.advance(1000);
    assert.equal(processes.length, 2, "three failures");
    answers["startup"] = true;
    await clock.advance(2000);
    assert.equal(one.view().ready, true);
    assert.ok(asked.some((text) => text.endsWith("liveness")));
  });

  it("does not start again once it was told to stop, not even out of a back-off", async () => {
    const one = runner();
    one.start();
    processes[0]?.exit(1);
    await clock.advance(0);
    processes[1]?.exit(1);
    await clock.advance(0);
    await one.stop(0);
    await clock.advance(100_000);
    assert.equal(processes.length, 2);
  });
});
