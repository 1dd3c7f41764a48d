/**
 * How deep JSON is nested, told before it is parsed.
 *
 * @module
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** By byte; those above 127 are parts of characters. */
const STEP: ReadonlyMap<number, number> = new Map(
  [..."[{"]
    .map((open): [number, number] => [open.charCodeAt(0), 1])
    .concat([..."]}"].map((close) => [close.charCodeAt(0), -1])),
);

/** Lists and maps within each other, of what may yet turn out not to be JSON. */
export function jsonDepth(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === QUOTE) i = endOfText(bytes, i);
    depth += STEP.get(byte) ?? 0;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** Where the text that begins at `start` has its closing quote. */
function endOfText(bytes: Uint8Array, start: number): number {
  let i = start + 1;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}
