/** What the laws in `order.test.ts` cannot show: single steps, with the wire's own words. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { DeltaDiscoveryRequestSchema } from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import { type Contents, resources } from "../../test/support/xds-world.ts";
import { type DeltaStep, initialDelta, stepDelta } from "./delta.ts";
import { groupOf, type ProxyResources, type ResourceKind, TYPE_URLS, withheldResource } from "./resource.ts";

type Init = Omit<MessageInitShape<typeof DeltaDiscoveryRequestSchema>, "typeUrl" | "$typeName">;
type Said = readonly [kind: ResourceKind, names: readonly string[], removed: readonly string[]];

/** A stream that is told things one by one, and what it said last. */
class Told {
  #state = initialDelta();
  #last: DeltaStep | undefined;

  publish(contents: Contents): readonly Said[] {
    return this.give(resources(contents));
  }

  give(all: ProxyResources): readonly Said[] {
    return this.#take(stepDelta(this.#state, { kind: "resources", resources: all }, { maxNames: 10 }));
  }

  ask(kind: ResourceKind, init: Init = {}): readonly Said[] {
    const request = create(DeltaDiscoveryRequestSchema, { ...init, typeUrl: TYPE_URLS[kind] });
    return this.#take(stepDelta(this.#state, { kind: "request", request }, { maxNames: 10 }));
  }

  overdue(): readonly Said[] {
    return this.#take(stepDelta(this.#state, { kind: "overdue" }, { maxNames: 10 }));
  }

  /** Answers the last response of that type. */
  ack(kind: ResourceKind): readonly Said[] {
    return this.ask(kind, { responseNonce: this.#state.types[kind].waiting?.nonce ?? "none" });
  }

  get notes(): DeltaStep["notes"] {
    return this.#last?.notes ?? [];
  }

  #take(step: DeltaStep): readonly Said[] {
    this.#state = step.state;
    this.#last = step;
    return step.responses.map(({ typeUrl, resources: all, removedResources }) => {
      const kind = (Object.keys(TYPE_URLS) as ResourceKind[]).find((one) => TYPE_URLS[one] === typeUrl) ?? "cluster";
      return [kind, all.map((one) => one.name), removedResources];
    });
  }
}

describe("stepDelta()", () => {
  it("answers a new client's wildcard even if there is nothing, and a resumed one only if something is new", () => {
    const fresh = new Told();
    fresh.publish({});
    assert.deepEqual(fresh.ask("cluster"), [["cluster", [], []]]);
    const resumed = new Told();
    resumed.publish({ cluster: { a: "1" } });
    const [version] = [...resources({ cluster: { a: "1" } }).cluster.byName.values()].map((one) => one.version);
    assert.deepEqual(resumed.ask("cluster", { initialResourceVersions: { a: version ?? "" } }), []);
    assert.deepEqual(resumed.notes, [
      { kind: "acknowledged", resource: "cluster", version: resources({ cluster: { a: "1" } }).cluster.version },
    ]);
  });

  it("sends endpoints to a client that claims them, if their cluster changed on this stream before it asked", () => {
    const told = new Told();
    told.publish({ cluster: { a: "2" }, endpoints: { a: "1" } });
    const [version] = [...resources({ endpoints: { a: "1" } }).endpoints.byName.values()].map((one) => one.version);
    assert.deepEqual(told.ask("cluster", { initialResourceVersions: { a: "old" } }), [["cluster", ["a"], []]]);
    const claim = { resourceNamesSubscribe: ["a"], initialResourceVersions: { a: version ?? "" } };
    assert.deepEqual(told.ask("endpoints", claim), [["endpoints", ["a"], []]]);
  });

  it("answers a drop that the wildcard still covers", () => {
    const told = new Told();
    told.publish({ cluster: { a: "1", b: "1" } });
    told.ask("cluster", { resourceNamesSubscribe: ["*", "a", "ghost"] });
    told.ack("cluster");
    assert.deepEqual(told.ask("cluster", { resourceNamesUnsubscribe: ["a"] }), [["cluster", ["a"], []]]);
  });

  it("keeps subscriptions made in a request with a stale nonce, and answers them after the ACK", () => {
    const told = new Told();
    told.publish({ endpoints: { a: "1", b: "1" } });
    told.ask("endpoints", { resourceNamesSubscribe: ["a"] });
    assert.deepEqual(told.ask("endpoints", { responseNonce: "stale", resourceNamesSubscribe: ["b"] }), []);
    assert.deepEqual(told.ack("endpoints"), [["endpoints", ["b"], []]]);
  });

  it("neither sends nor takes away what is withheld, until it is there", () => {
    const with_ = (contents: Contents): ProxyResources => {
      const all = resources(contents);
      const withheld = withheldResource("leaf", () => true);
      return { ...all, secret: groupOf("secret", [...all.secret.byName.values(), withheld]) };
    };
    const names = { resourceNamesSubscribe: ["leaf", "roots"] };
    const back = new Told();
    back.give(with_({ secret: { roots: "1" } }));
    const claims = { ...names, initialResourceVersions: { leaf: "held before" } };
    assert.deepEqual(back.ask("secret", claims), [["secret", ["roots"], []]]);
    back.ack("secret");
    assert.deepEqual(back.give(with_({ secret: { roots: "2" } })), [["secret", ["roots"], []]]);
    back.ack("secret");
    assert.deepEqual(back.publish({ secret: { roots: "2", leaf: "1" } }), [["secret", ["leaf"], []]]);

    const fresh = new Told();
    fresh.give(with_({ secret: { roots: "1" } }));
    assert.deepEqual(fresh.ask("secret", names), [["secret", ["roots"], []]]);
    fresh.ack("secret");
    assert.deepEqual(fresh.ask("secret", { resourceNamesSubscribe: ["leaf"] }), []);
    assert.deepEqual(fresh.publish({ secret: { roots: "1", leaf: "1" } }), [["secret", ["leaf"], []]]);
  });

  it("holds no more names than allowed", () => {
    const told = new Told();
    told.ask("endpoints", { resourceNamesSubscribe: ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"] });
    assert.throws(() => told.ask("endpoints", { resourceNamesSubscribe: ["11"] }), /11 names, more than 10/);
  });

  it("waits for listeners and routes of a resumed client before it removes, but not for ever", () => {
    const told = new Told();
    told.publish({ cluster: { a: "1" } });
    assert.deepEqual(told.ask("cluster", { initialResourceVersions: { gone: "1" } }), [["cluster", ["a"], []]]);
    assert.deepEqual(told.ack("cluster"), []);
    assert.deepEqual(told.overdue(), [["cluster", [], ["gone"]]]);
  });

  it("removes at once what a new client has before it asked for listeners", () => {
    const told = new Told();
    told.publish({ cluster: { a: "1", b: "1" } });
    told.ask("cluster");
    told.ack("cluster");
    assert.deepEqual(told.publish({ cluster: { a: "1" } }), [["cluster", [], ["b"]]]);
  });

  it("sends endpoints while clusters wait for their ACK, and routes not", () => {
    const told = new Told();
    told.publish({ cluster: { a: "1" }, endpoints: { a: "1" }, route: { r: "1" } });
    told.ask("cluster");
    assert.deepEqual(told.ask("route", { resourceNamesSubscribe: ["r"] }), []);
    assert.deepEqual(told.ask("endpoints", { resourceNamesSubscribe: ["a"] }), [["endpoints", ["a"], []]]);
    assert.deepEqual(told.ack("cluster"), [["route", ["r"], []]]);
  });

  it("keeps newer resources from a client that starts, but not for ever", () => {
    const client = new Told();
    client.publish({ cluster: { a: "1" }, endpoints: { a: "1" } });
    assert.deepEqual(client.ask("cluster"), [["cluster", ["a"], []]]);
    assert.deepEqual(client.ack("cluster"), []);
    assert.deepEqual(client.publish({ cluster: { b: "1" }, endpoints: { b: "1" } }), []);
    assert.deepEqual(client.publish({ cluster: { c: "1" }, endpoints: { c: "1" } }), []);
    assert.deepEqual(client.overdue(), [["cluster", ["c"], ["a"]]]);
    client.ack("cluster");
    assert.deepEqual(client.publish({ cluster: { d: "1" }, endpoints: { d: "1" } }), [["cluster", ["d"], ["c"]]]);
  });
});
