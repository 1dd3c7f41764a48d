/**
 * Splits a stream of bytes into lines.
 *
 * @module
 */

/** etcd takes objects of about 1.5 MB, and an event holds one; a line without end must not fill the memory. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const NEWLINE = 10;

/**
 * Each line without its end. What follows the last line break is dropped: a connection that broke in the middle of an
 * event says so by nothing else.
 *
 * @throws Error on a line of more than `maxBytes`.
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number = MAX_LINE_BYTES,
): AsyncGenerator<string> {
  // Pieces are joined once, at the line's end: a huge line that comes in small chunks costs its length, not its square.
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      pieces.push(rest.subarray(0, end));
      const line = Buffer.concat(pieces).toString("utf8");
      pieces = [];
      length = 0;
      rest = rest.subarray(end + 1);
      if (line !== "") yield line;
    }
    length += rest.length;
    if (length > maxBytes) throw new Error(`a line of the stream is longer than ${maxBytes} bytes`);
    if (rest.length > 0) pieces.push(rest);
  }
}
