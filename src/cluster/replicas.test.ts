import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRoster } from "./replicas.ts";

function world(answers: readonly unknown[]) {
  const left = [...answers];
  const end = new AbortController();
  const asked: unknown[] = [];
  const roster = createRoster({
    client: {
      async request({ path }) {
        asked.push(path);
        const answer = left.shift();
        if (answer === undefined) throw new Error("away");
        return answer;
      },
    },
    namespace: "osm-system",
    self: "osm-a",
    async pause() {
      if (asked.length > answers.length) end.abort();
    },
  });
  return { roster, follow: () => roster.follow(end.signal), asked };
}

const pod = (name: string, deletionTimestamp?: string) => ({
  metadata: { name, ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
});

describe("roster of replicas", () => {
  it("has this replica from the start, and others once they are known, sorted", async () => {
    const { roster, follow, asked } = world([{ items: [pod("osm-c"), pod("osm-a"), pod("osm-b", "now")] }]);
    assert.deepEqual(roster.list(), [{ name: "osm-a", leader: false, self: true }]);
    roster.lead("osm-c_0ff1ce");
    await follow(); // its second look finds the API server away, and the list stays
    assert.equal(asked[0], "/api/v1/namespaces/osm-system/pods");
    assert.deepEqual(roster.list(), [
      { name: "osm-a", leader: false, self: true },
      { name: "osm-c", leader: true, self: false },
    ]);
  });

  it("has the leader, also where it is no pod, and none while nobody leads", () => {
    const { roster } = world([]);
    roster.lead("my_laptop_0ff1ce");
    assert.deepEqual(roster.list(), [
      { name: "my_laptop", leader: true, self: false },
      { name: "osm-a", leader: false, self: true },
    ]);
    roster.lead("");
    assert.deepEqual(roster.list(), [{ name: "osm-a", leader: false, self: true }]);
  });
});
