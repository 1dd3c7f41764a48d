import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deadline, MAX_BODY_BYTES, readJson } from "./body.ts";
import { jsonDepth } from "./json-depth.ts";

const NEVER = new AbortController().signal;
const JSON_TYPE = { "content-type": "application/json" };

function post(body: BodyInit, headers: Record<string, string> = JSON_TYPE): Request {
  return new Request("http://osm/", { method: "POST", body, headers });
}

/** Chunks for as long as they are asked for. */
function endless(chunk: Uint8Array) {
  const told = { pulled: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      told.pulled += 1;
      controller.enqueue(chunk);
    },
    cancel() {
      told.cancelled = true;
    },
  });
  return { told, body };
}

function streamed(body: ReadableStream): Request {
  const init: RequestInit & { duplex: "half" } = { method: "POST", body, headers: JSON_TYPE, duplex: "half" };
  return new Request("http://osm/", init);
}

describe("readJson", () => {
  it("reads JSON, in any spelling of its content type", async () => {
    for (const type of ["application/json", "Application/JSON; charset=utf-8"])
      assert.deepEqual(await readJson(post('{"a":[1]}', { "content-type": type }), { signal: NEVER }), {
        ok: true,
        value: { a: [1] },
      });
  });

  for (const [what, request, status] of [
    ["no content type", () => post("{}", {}), 415],
    ["another content type", () => post("{}", { "content-type": "application/yaml" }), 415],
    ["no body", () => new Request("http://osm/", { method: "POST", headers: JSON_TYPE }), 400],
    ["an empty body", () => post(""), 400],
    ["half of JSON", () => post('{"a":'), 400],
    ["bytes that are no text", () => post(new Uint8Array([0x22, 0xff, 0x22])), 400],
    ["nesting beyond reason", () => post("[".repeat(1_000_000)), 400],
    ["nesting that is JSON", () => post(`${"[".repeat(129)}${"]".repeat(129)}`), 400],
    ["a body too large by one byte", () => post(`"${"x".repeat(MAX_BODY_BYTES - 1)}"`), 413],
  ] as const) {
    it(`answers ${status} to ${what}`, async () => {
      const read = await readJson(request(), { signal: NEVER });
      assert.equal(read.ok ? 200 : read.status, status);
      assert.ok(read.ok || read.reason.length > 10);
    });
  }

  it("takes what just fits", async () => {
    const read = await readJson(post(`"${"x".repeat(MAX_BODY_BYTES - 2)}"`), { signal: NEVER });
    assert.equal(read.ok, true);
    assert.equal((await readJson(post(`${"[".repeat(128)}${"]".repeat(128)}`), { signal: NEVER })).ok, true);
  });

  it("stops listening to somebody who sends for ever", async () => {
    const { told, body } = endless(new Uint8Array(64 * 1024).fill(0x20));
    const read = await readJson(streamed(body), { signal: NEVER });
    assert.equal(read.ok ? 200 : read.status, 413);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(told.cancelled);
    assert.ok(told.pulled < 60, `${told.pulled} chunks were taken`);
  });

  it("stops waiting for somebody who sends nothing", async () => {
    const { signal } = deadline(30);
    const body = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
    const read = await readJson(streamed(body), { signal });
    assert.equal(read.ok ? 200 : read.status, 408);
  });

  it("tells of a sender that broke off", async () => {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error("gone")) });
    const read = await readJson(streamed(body), { signal: NEVER });
    assert.equal(read.ok ? 200 : read.status, 400);
  });
});

describe("jsonDepth", () => {
  for (const [text, depth] of [
    ["1", 0],
    ["[]", 1],
    ['{"a":[{}]}', 3],
    ['"[[["', 0],
    ['"\\"[[["', 0],
    ['["\\\\",[]]', 2],
    ['["ä[",{}]', 2],
    ['"unclosed [[', 0],
    ["]]][", 0],
  ] as const) {
    it(`${text} is ${depth} deep`, () => assert.equal(jsonDepth(new TextEncoder().encode(text)), depth));
  }
});
