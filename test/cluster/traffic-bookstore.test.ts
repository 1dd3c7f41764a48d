/** The bookstore of `deploy/demo`, by the steps B1 to B9 of OSM's getting started guide. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import * as v from "valibot";
import { byVersion, RawSchema, type Tally, tallySince } from "../../src/demo/tally.ts";
import { DEPLOY, type KubernetesObject, objectsIn } from "../deploy/documents.ts";
import { trafficSplit } from "../support/workloads.ts";
import { apply, deleteNamespaces, ensureMesh, eventually, get, remove, setMode, untilReady, WAIT } from "./mesh.ts";

const DEMO = join(DEPLOY, "demo");
const NAMESPACES = ["bookbuyer", "bookthief", "bookstore", "bookwarehouse"];
const BUYER = "bookbuyer/bookbuyer";
const THIEF = "bookthief/bookthief";
const STORE = "bookstore/bookstore-v1";
/** Seconds for a change to show on a busy machine. */
const SOON = 90;
/** Calls that make a step's point. A client makes ten a second, less on a busy machine. */
const ENOUGH = 20;

const isV2 = ({ metadata }: KubernetesObject) => metadata.name === "bookstore-v2";
const STORES = objectsIn(join(DEMO, "bookstore.yaml"));
const ACCESS = objectsIn(join(DEMO, "traffic-access.yaml"));
const thiefSwitch = (name: string) => objectsIn(join(DEMO, "switches", `${name}-bookthief.yaml`));

before(async () => {
  await ensureMesh();
  await setMode("permissive");
  const apps = ["bookbuyer.yaml", "bookthief.yaml", "bookwarehouse.yaml"].flatMap((file) =>
    objectsIn(join(DEMO, file)),
  );
  await apply(...[...apps, ...STORES].filter(({ kind }) => kind === "Namespace"));
  await apply(...apps, ...STORES.filter((one) => !isV2(one)));
  await untilReady(...NAMESPACES);
}, WAIT);
after(async () => await deleteNamespaces(...NAMESPACES), WAIT);

/** What the pod counts of its calls to `callee`. */
async function tallyOf(pod: string, callee: string): Promise<Tally> {
  const { body } = await get(pod, "http://127.0.0.1:14001/raw");
  const { calls } = v.parse(RawSchema, JSON.parse(body));
  const tally = calls[callee];
  assert.ok(tally !== undefined, `${pod} counts no calls to ${callee}: ${body}`);
  return tally;
}

/** What the next calls of the pod come to: at least `ENOUGH`, begun after what came before was over. */
async function nextCalls(pod: string, callee: string, enough = ENOUGH): Promise<Tally> {
  const before = await tallyOf(pod, callee);
  return await eventually(`${pod} calls ${callee}`, SOON, async () => {
    const since = tallySince(before, await tallyOf(pod, callee));
    assert.ok(since.requests >= enough, `${since.requests} calls`);
    return since;
  });
}

async function rises(pod: string, callee = "bookstore"): Promise<void> {
  await eventually(`${pod} is served by ${callee}`, SOON, async () => {
    const { requests, ok } = await nextCalls(pod, callee);
    assert.equal(ok, requests);
  });
}

/** Still calls, and every call is denied. */
async function stops(pod: string): Promise<void> {
  await eventually(`${pod} is denied`, SOON, async () => {
    const { requests, denied } = await nextCalls(pod, "bookstore");
    assert.equal(denied, requests);
  });
}

/** Waits until `fits` holds for the books that the buyer got of each version. */
async function versions(what: string, fits: (v1: number, v2: number) => boolean, enough = ENOUGH): Promise<void> {
  await eventually(what, SOON, async () => {
    const tally = await nextCalls(BUYER, "bookstore", enough);
    const { v1, v2 } = byVersion(tally);
    assert.ok(tally.ok === tally.requests && fits(v1, v2), `v1 ${v1}, v2 ${v2} of ${tally.requests}`);
  });
}

async function splitBy(v1: number, v2?: number): Promise<void> {
  const weights = { "bookstore-v1": v1, ...(v2 === undefined ? {} : { "bookstore-v2": v2 }) };
  await apply(trafficSplit({ namespace: "bookstore", name: "bookstore-split" }, "bookstore.bookstore", weights));
}

describe("bookstore", () => {
  it("B1: in permissive mode all are served", WAIT, async () => {
    await rises(BUYER);
    await rises(THIEF);
    await rises(STORE, "bookwarehouse");
  });

  it("B2: in SMI mode without policies all are denied", WAIT, async () => {
    await setMode("smi");
    await stops(BUYER);
    await stops(THIEF);
  });

  it("B3: with TrafficTargets the buyer and the store are served, the thief is not", WAIT, async () => {
    await apply(...ACCESS.filter((one) => !isV2(one)));
    await rises(BUYER);
    await rises(STORE, "bookwarehouse");
    await stops(THIEF);
  });

  it("B4: the thief is served as one of the sources", WAIT, async () => {
    await apply(...thiefSwitch("allow").filter((one) => !isV2(one)));
    await rises(THIEF);
  });

  it("B5: and is denied when it is one no more", WAIT, async () => {
    await apply(...thiefSwitch("deny").filter((one) => !isV2(one)));
    await stops(THIEF);
    await rises(BUYER);
  });

  it("B6: a second version behind the root's selector sells too", WAIT, async () => {
    await apply(...[...STORES, ...ACCESS].filter(isV2));
    await untilReady("bookstore");
    await versions("both sell", (v1, v2) => v1 > 0 && v2 > 0);
  });

  it("B7: a split of one backend leaves all to it", WAIT, async () => {
    await splitBy(100);
    await versions("only v1 sells", (v1, v2) => v1 > 0 && v2 === 0);
  });

  it("B8: halves are about equal", WAIT, async () => {
    await splitBy(50, 50);
    // Of 150 calls half is 75, give or take 6 (one sigma): beyond 25 % and 75 % is no chance.
    await versions("both sell alike", (v1, v2) => v1 > 0.25 * (v1 + v2) && v2 > 0.25 * (v1 + v2), 150);
  });

  it("B9: 0 and 100 leave all to v2", WAIT, async () => {
    await splitBy(0, 100);
    await versions("only v2 sells", (v1, v2) => v1 === 0 && v2 > 0);
    await stops(THIEF);
  });

  it("goes back to both when the split is deleted", WAIT, async () => {
    await remove(trafficSplit({ namespace: "bookstore", name: "bookstore-split" }, "bookstore.bookstore", {}));
    await versions("both sell", (v1, v2) => v1 > 0 && v2 > 0);
  });
});
