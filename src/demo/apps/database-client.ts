/**
 * Asks the demo's database one thing: waits for its greeting, sends a line, reads a line.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import type { Millis } from "../../core/base/millis.ts";
import { readLines } from "../lines.ts";
import { type Outcome, toSilence } from "../outcome.ts";
import type { Address } from "../settings.ts";

export interface DatabaseReply {
  /** 200 stands for `OK`, 500 for `ERR`, so that calls to it count like all others. */
  readonly outcome: Outcome;
  /** The number after `OK`. */
  readonly value: number | undefined;
  /** What went wrong; "" if nothing did. */
  readonly detail: string;
}

const DEADLINE: Millis = 5_000;

/** Opens a connection for this one command. Never rejects. */
export async function queryDatabase(
  address: Address,
  command: string,
  deadline: Millis = DEADLINE,
): Promise<DatabaseReply> {
  const socket = connect({ ...address });
  const timer = setTimeout(() => socket.destroy(codedError("ETIMEDOUT", `no answer within ${deadline} ms`)), deadline);
  try {
    return toReply(await converse(socket, command));
  } catch (error) {
    const outcome = toSilence(error);
    return { outcome, value: undefined, detail: outcome.kind === "silence" ? outcome.detail : "" };
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** Resolves with the line that answers `command`; rejects if the socket fails or closes before it. */
function converse(socket: Socket, command: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let greeted = false;
  socket.on("error", reject);
  socket.once("close", () => reject(codedError("ECONNRESET", "the connection closed before an answer")));
  readLines(socket, (line) => {
    if (greeted) resolve(line);
    else socket.write(`${command}\n`);
    greeted = true;
  });
  return promise;
}

function codedError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function toReply(line: string): DatabaseReply {
  const value = /^OK (-?\d+)$/.exec(line)?.[1];
  const status = value === undefined ? 500 : 200;
  return {
    outcome: { kind: "answer", status, server: "", identity: "" },
    value: value === undefined ? undefined : Number(value),
    detail: value === undefined ? line : "",
  };
}
