/**
 * A database of counters in place of MySQL. Like MySQL it is the server that speaks first, which is what makes it a
 * test for a mesh: a proxy that waits for the client's first byte would wait for ever.
 *
 * One command a line: `INCR NAME AMOUNT`, `GET NAME`, `QUIT`. One answer a line: `OK VALUE` or `ERR REASON`.
 * The counters live in memory: a restarted database begins at zero.
 *
 * @module
 */
import type { Socket } from "node:net";
import { readLines } from "../lines.ts";
import { type Served, serveTcp } from "../serve.ts";
import type { AppInput } from "./app.ts";

export const GREETING = "osm demo database, ready";

/** Applies one command to `counters` and words the answer; undefined says goodbye. */
export function answerCommand(counters: Map<string, number>, line: string): string | undefined {
  const [command = "", name = "", amountText = ""] = line.trim().split(/\s+/);
  switch (command.toUpperCase()) {
    case "INCR": {
      const amount = Number(amountText);
      if (amountText === "" || !Number.isSafeInteger(amount))
        return "ERR write INCR NAME AMOUNT, the amount a whole number";
      const value = (counters.get(name) ?? 0) + amount;
      counters.set(name, value);
      return `OK ${value}`;
    }
    case "GET":
      return name === "" ? "ERR write GET NAME" : `OK ${counters.get(name) ?? 0}`;
    case "QUIT":
      return undefined;
    default:
      return `ERR "${command}" is no command: use INCR, GET or QUIT`;
  }
}

function converse(socket: Socket, counters: Map<string, number>): void {
  socket.write(`${GREETING}\n`);
  readLines(socket, (line) => {
    const answer = answerCommand(counters, line);
    if (answer === undefined) socket.end();
    else if (socket.writable) socket.write(`${answer}\n`);
  });
}

export async function startDatabase({ port, log }: AppInput): Promise<Served> {
  const counters = new Map<string, number>();
  const served = await serveTcp(port, (socket) => converse(socket, counters));
  log(`the database listens on port ${served.port}`);
  return served;
}
