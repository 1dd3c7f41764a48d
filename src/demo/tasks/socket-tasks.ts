/**
 * Exchanges on raw TCP and on a WebSocket, as any application makes them.
 *
 * @module
 */
import { connect } from "node:net";
import type { Millis } from "../../core/base/millis.ts";

export interface TcpTask {
  readonly host: string;
  readonly port: number;
  /** Written once connected; without it the client only listens. */
  readonly send?: string | undefined;
  /** How long to listen, at most; 1000. */
  readonly waitMs?: Millis | undefined;
  /** How many connections, one after the other; 1. */
  readonly count?: number | undefined;
}

export interface TcpResult {
  /** Of all connections, one after the other. */
  readonly data: string;
  /** When the first byte of the last connection came; -1 for never. */
  readonly firstByteMs: Millis;
  /** How the last one ended: `end`, `waited`, or an error code. */
  readonly ended: string;
}

/** Connects, says what it has to, listens until the other side ends or the time is over. Never rejects. */
export async function performTcp(task: TcpTask): Promise<TcpResult> {
  let result = await converse(task);
  for (let i = 1; i < (task.count ?? 1); i++) {
    const next = await converse(task);
    result = { ...next, data: result.data + next.data };
  }
  return result;
}

function converse({ host, port, send, waitMs = 1000 }: TcpTask): Promise<TcpResult> {
  const started = performance.now();
  const { promise, resolve } = Promise.withResolvers<TcpResult>();
  let data = "";
  let firstByteMs = -1;
  const socket = connect(port, host);
  const finish = (ended: string): void => {
    clearTimeout(timer);
    socket.destroy();
    resolve({ data, firstByteMs, ended });
  };
  const timer = setTimeout(() => finish("waited"), waitMs);
  socket.on("connect", () => send !== undefined && socket.write(send));
  socket.on("data", (chunk) => {
    if (firstByteMs < 0) firstByteMs = performance.now() - started;
    data += chunk.toString("utf8");
  });
  socket.on("end", () => finish("end"));
  socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  return promise;
}

export interface WebSocketTask {
  readonly url: string;
  readonly messages: readonly string[];
}

export interface WebSocketResult {
  readonly received: readonly string[];
  readonly error?: string;
}

const ECHO_PATIENCE: Millis = 10_000;

/** Sends all messages and waits for as many. Never rejects. */
export function performWebSocket({ url, messages }: WebSocketTask): Promise<WebSocketResult> {
  const { promise, resolve } = Promise.withResolvers<WebSocketResult>();
  const received: string[] = [];
  const socket = new WebSocket(url);
  const finish = (error?: string): void => {
    clearTimeout(timer);
    socket.close();
    resolve(error === undefined ? { received } : { received, error });
  };
  const timer = setTimeout(() => finish(`no echo in ${ECHO_PATIENCE} ms`), ECHO_PATIENCE);
  socket.onopen = () => {
    for (const message of messages) socket.send(message);
  };
  socket.onmessage = ({ data }) => {
    received.push(String(data));
    if (received.length === messages.length) finish();
  };
  socket.onerror = () => finish("error");
  return promise;
}
