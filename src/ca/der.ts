/**
 * The outermost shape of DER: tag, length, value. What is inside of a value is for `pki.ts` and the runtime.
 *
 * @module
 */

type Bytes = Uint8Array<ArrayBuffer>;

/** Builds one value with one-byte tag from the parts of its content. */
export function tlv(tag: number, ...parts: readonly (readonly number[] | Bytes)[]): Bytes {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const out = Uint8Array.from([tag, ...derLength(length), ...new Array<number>(length).fill(0)]);
  let at = out.length - length;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function derLength(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

/** Where the content of the value at `at` is. @returns undefined if there is no whole value. */
export function readTlv(
  der: Bytes,
  at: number,
): { readonly tag: number; readonly start: number; readonly end: number } | undefined {
  const [tag, first] = der.subarray(at, at + 2);
  if (tag === undefined || first === undefined) return undefined;
  const count = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + count;
  const length = count === 0 ? first : der.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
  return start + length <= der.length ? { tag, start, end: start + length } : undefined;
}
