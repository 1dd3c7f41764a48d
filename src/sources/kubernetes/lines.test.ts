import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { splitLines } from "./lines.ts";

async function* chunksOf(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

async function linesOf(text: string, size: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of splitLines(chunksOf(text, size))) lines.push(line);
  return lines;
}

describe("splitLines", () => {
  it("gives the same lines however the bytes are cut, in the middle of a character too", async () => {
    const text = "a\n\nbüé€\n{}\nlast";
    for (let size = 1; size <= text.length + 4; size++) {
      assert.deepEqual(await linesOf(text, size), ["a", "büé€", "{}"], `chunks of ${size}`);
    }
  });

  it("refuses a line without end", async () => {
    const read = async () => {
      for await (const _ of splitLines(chunksOf("x".repeat(100), 7), 50)) assert.fail("there is no line");
    };
    await assert.rejects(read(), /longer than 50 bytes/);
  });
});
