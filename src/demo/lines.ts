/**
 * Reads lines from a socket. Not `node:readline`, which throws past the socket's own error handlers when a peer resets.
 *
 * @module
 */
import type { Socket } from "node:net";

/** A longer line is nobody's command: the connection is closed. Characters. */
export const MAX_LINE = 4096;

/** Calls `onLine` with each whole line, its line end taken off. A last line without an end is not told. */
export function readLines(socket: Socket, onLine: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const [first = "", ...more] = chunk.split("\n");
    const lines = [rest + first, ...more];
    rest = lines.pop() ?? "";
    for (const line of lines) if (!socket.destroyed) onLine(line.replace(/\r$/, ""));
    if (rest.length > MAX_LINE) socket.destroy();
  });
}
