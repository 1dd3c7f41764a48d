import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { refuse } from "../../../test/support/fake-api-answers.ts";
import type { Fault } from "../../../test/support/fake-api-server.ts";
import { pause, until } from "../../../test/support/told-sink.ts";
import { inNamespace, WatchRig } from "../../../test/support/watch-rig.ts";
import type { WatchedResource } from "./resource.ts";

const SPLITS = "/apis/split.smi-spec.io/v1alpha2/trafficsplits";
const SPLIT: WatchedResource = {
  kind: "TrafficSplit",
  group: "split.smi-spec.io",
  plural: "trafficsplits",
  versions: ["v1alpha2", "v1alpha1"],
};

/** A chapter for each listing: with the kind gone, or the server failing. After the last all is well. */
function tell(chapters: string[]): Fault {
  let chapter: string | undefined = "";
  return ({ url = "" }, response) => {
    if (url.startsWith(SPLITS)) chapter = chapters.shift();
    if (chapter === undefined) return false;
    if (url === "/apis") response.end('{"groups":[{"name":"apps","versions":[]}]}');
    else refuse(response, chapter === "gone" ? 404 : 503, "whatever");
    return true;
  };
}

describe("ListWatch of a kind that comes and goes", () => {
  let rig: WatchRig;
  beforeEach(async () => {
    rig = await WatchRig.make();
  });
  afterEach(() => rig.end());

  it("is synced and empty while the cluster does not have it, and picks it up when it appears", async () => {
    await rig.start(SPLIT);
    assert.equal(rig.watch.status().state, "absent");
    rig.server.serveKind(SPLITS, "TrafficSplit");
    rig.server.put(SPLITS, inNamespace("a"));
    await until("told", () => rig.sink.objects.has("TrafficSplit n/a"));
    assert.deepEqual([...rig.sink.apiVersions], ["split.smi-spec.io/v1alpha2"]);
    assert.equal(rig.watch.status().state, "watching");
  });

  it("reads an older version where the best is not served, and the best once it is", async () => {
    const older = SPLITS.replace("v1alpha2", "v1alpha1");
    rig.server.serveKind(older, "TrafficSplit");
    rig.server.put(older, inNamespace("a"));
    await rig.start(SPLIT);
    assert.deepEqual([...rig.sink.apiVersions], ["split.smi-spec.io/v1alpha1"]);
    await until("it watches", () => rig.server.watchers() === 1);
    rig.server.serveKind(SPLITS, "TrafficSplit");
    rig.server.put(SPLITS, inNamespace("a", { better: true }));
    await pause(30);
    rig.server.endWatches(older);
    await until("told anew", () => rig.sink.apiVersions.has("split.smi-spec.io/v1alpha2"));
    assert.equal(rig.sink.objects.get("TrafficSplit n/a"), '{"better":true}');
  });

  it("removes its objects once the cluster has it no more", async () => {
    rig.server.serveKind(SPLITS, "TrafficSplit");
    rig.server.put(SPLITS, inNamespace("a"));
    await rig.start(SPLIT);
    rig.server.dropKind(SPLITS);
    await until("removed", () => rig.sink.objects.size === 0);
    await until("absent", () => rig.watch.status().state === "absent");
    assert.deepEqual(rig.sink.log, ["+TrafficSplit n/a", "-TrafficSplit n/a"]);
  });

  it("keeps its objects when it was absent for a moment only, and again later", async () => {
    rig.server.serveKind(SPLITS, "TrafficSplit");
    rig.server.put(SPLITS, inNamespace("a"));
    await rig.start(SPLIT);
    const chapters = ["gone", "gone", "failing", "gone", "gone"];
    rig.server.faults.push(tell(chapters));
    rig.server.dropConnections();
    await until("it is back", () => chapters.length === 0);
    rig.server.put(SPLITS, inNamespace("b"));
    await until("it goes on", () => rig.sink.objects.has("TrafficSplit n/b"));
    assert.deepEqual(rig.sink.log, ["+TrafficSplit n/a", "+TrafficSplit n/b"]);
  });

  it("is absent when its group is there without it", async () => {
    rig.server.serveKind("/apis/split.smi-spec.io/v9/others", "Other");
    rig.server.faults.push((request, response) => {
      if (request.url !== "/apis") return false;
      const versions = [{ version: "v1alpha2" }, { version: "v9" }];
      response.end(JSON.stringify({ groups: [{ name: "split.smi-spec.io", versions }] }));
      return true;
    });
    await rig.start(SPLIT);
    assert.equal(rig.watch.status().state, "absent");
  });

  for (const [what, broken] of [
    ["discovery fails", (url: string) => (url === "/apis" ? 503 : url.includes("trafficsplits") ? 404 : 0)],
    ["discovery still has it", (url: string) => (url.includes("trafficsplits") ? 404 : 0)],
    ["everything is 404, as with a proxy in between", () => 404],
  ] as const) {
    it(`keeps its objects when it is not found and ${what}`, async () => {
      rig.server.serveKind(SPLITS, "TrafficSplit");
      rig.server.put(SPLITS, inNamespace("a"));
      await rig.start(SPLIT);
      await until("it watches", () => rig.server.watchers() === 1);
      rig.server.faults.push((request, response) => {
        const code = broken(request.url ?? "");
        if (code > 0) refuse(response, code, "NotFound");
        return code > 0;
      });
      rig.server.dropConnections();
      await until("away", () => rig.watch.status().state === "away");
      await pause(200);
      assert.deepEqual(rig.sink.log, ["+TrafficSplit n/a"]);
      assert.equal(rig.watch.status().state, "away");
      rig.server.faults.length = 0;
      rig.server.put(SPLITS, inNamespace("b"));
      await until("it goes on", () => rig.sink.objects.has("TrafficSplit n/b"));
    });
  }
});
