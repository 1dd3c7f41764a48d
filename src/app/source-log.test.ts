import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindState } from "../sources/kubernetes/kind-status.ts";
import { logSource } from "./source-log.ts";

const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

function world() {
  const states = new Map<string, KindState>();
  const listeners = new Set<() => void>();
  const lines: string[] = [];
  const write = (level: string) => (message: string, fields?: object) =>
    void lines.push(`${level} ${message.split(" ").slice(0, 3).join(" ")} ${JSON.stringify(fields)}`);
  const source = {
    status: () =>
      [...states].map(([kind, state]) => ({
        kind,
        state,
        since: 0,
        objects: 0,
        ...(state === "away" && { error: "no answer" }),
      })),
    onStatus(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const stop = logSource(source, { info: write("info"), error: write("error") }, 5);
  return {
    lines,
    stop,
    enter(state: KindState, ...kinds: readonly string[]) {
      for (const kind of kinds) {
        states.set(kind, state);
        for (const listener of listeners) listener();
      }
    },
  };
}

describe("log of a source", () => {
  it("says once for all kinds what became of them, and why", async () => {
    const { lines, enter, stop } = world();
    enter("watching", "Pod", "Service");
    enter("absent", "Egress");
    await settle();
    enter("away", "Pod", "Service");
    await settle();
    enter("watching", "Pod", "Service");
    await settle();
    stop();
    assert.deepEqual(lines, [
      'info objects are followed {"kinds":["Pod","Service"]}',
      'info the cluster does {"kinds":["Egress"]}',
      'error the API server {"kinds":["Pod","Service"],"error":"no answer"}',
      'info objects are followed {"kinds":["Pod","Service"]}',
    ]);
  });

  it("is silent about a state that is over before it is told, and after its end", async () => {
    const { lines, enter, stop } = world();
    enter("watching", "Pod");
    await settle();
    enter("away", "Pod");
    enter("watching", "Pod");
    await settle();
    assert.equal(lines.length, 1);
    stop();
    enter("away", "Pod");
    await settle();
    assert.equal(lines.length, 1);
  });
});
