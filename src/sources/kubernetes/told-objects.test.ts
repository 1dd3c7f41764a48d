import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ToldSink } from "../../../test/support/told-sink.ts";
import { createToldObjects } from "./told-objects.ts";

const HEADER = { apiVersion: "v1", kind: "Service" };

function toldObjects(sink: ToldSink) {
  return createToldObjects({ kind: "Service", sink, accepts: () => true, onSinkFailure: () => assert.fail() });
}

function object(uid: string, resourceVersion?: string): unknown {
  return { metadata: { name: "s", namespace: "n", uid, resourceVersion } };
}

describe("ToldObjects", () => {
  it("tells an object again only in another version, or as another object of its name", () => {
    const sink = new ToldSink();
    const told = toldObjects(sink);
    for (const raw of [object("1", "5"), object("1", "5"), object("1", "6"), object("2", "6")]) told.apply(raw, HEADER);
    assert.equal(sink.log.length, 3);
    assert.equal(told.size, 1);
  });

  it("tells an object without a version each time", () => {
    const sink = new ToldSink();
    const told = toldObjects(sink);
    told.apply(object("1"), HEADER);
    told.apply(object("1"), HEADER);
    assert.equal(sink.log.length, 2);
  });

  it("removes only what it told", () => {
    const sink = new ToldSink();
    const told = toldObjects(sink);
    told.remove(object("1", "5"));
    told.apply(object("1", "5"), HEADER);
    told.remove(object("1", "7"));
    told.remove(object("1", "7"));
    assert.deepEqual(sink.log, ["+Service n/s", "-Service n/s"]);
  });

  it("refuses an object without a name", () => {
    assert.throws(() => toldObjects(new ToldSink()).apply({ metadata: {} }, HEADER), /a Service without a name/);
  });
});
