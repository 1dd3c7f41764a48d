/**
 * Time limits of HTTP connections: a client that dawdles loses its connection and nobody else waits.
 *
 * The runtimes have such limits for servers that listen by themselves. Ours are fed with connections after TLS, where
 * Bun does not apply them.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Millis } from "../core/base/millis.ts";

export interface ConnectionLimits {
  /** From the connection to the end of its first request's header. */
  readonly header: Millis;
  /** From the end of an answer to the end of the next request's header. */
  readonly idle: Millis;
  /** From the end of a header to the end of its body. */
  readonly body: Millis;
}

export interface Connections {
  /** From now on every answer ends its connection. Idle ones stay: a request may be on its way on them. */
  drain(): void;
  /** Ends those without a request under way. */
  endIdle(): void;
  destroyAll(): void;
}

interface Connection {
  readonly socket: Socket;
  readonly answers: Set<ServerResponse>;
  cancel: () => void;
}

const TIMED_OUT = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** Keeps the connections of `server`, whether it accepts them itself or is handed them, to `limits`. */
export function limitConnections(server: Server, limits: ConnectionLimits): Connections {
  const open = new Map<Socket, Connection>();
  let draining = false;

  server.on("connection", (socket: Socket) => {
    const connection: Connection = { socket, answers: new Set(), cancel: () => {} };
    open.set(socket, connection);
    socket.once("close", () => {
      connection.cancel();
      open.delete(socket);
    });
    wait(connection, limits.header, () => true);
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const connection = open.get(request.socket);
    if (connection === undefined) return;
    if (draining) response.setHeader("connection", "close");
    connection.answers.add(response);
    // A body that nobody reads has no end event, but it is complete.
    wait(connection, limits.body, () => !request.complete);
    response.once("close", () => {
      connection.answers.delete(response);
      if (connection.answers.size > 0) return;
      if (draining) connection.socket.destroySoon();
      wait(connection, limits.idle, () => true);
    });
  });

  return {
    drain() {
      draining = true;
      for (const { answers } of open.values()) {
        for (const answer of answers) if (!answer.headersSent) answer.setHeader("connection", "close");
      }
    },
    endIdle() {
      for (const { socket, answers } of open.values()) if (answers.size === 0) socket.destroySoon();
    },
    destroyAll() {
      for (const { socket } of open.values()) socket.destroy();
    },
  };
}

function wait(connection: Connection, limit: Millis, isLate: () => boolean): void {
  connection.cancel();
  const timer = setTimeout(() => {
    if (isLate()) refuse(connection);
  }, limit);
  timer.unref();
  connection.cancel = () => clearTimeout(timer);
}

function refuse({ socket, answers }: Connection): void {
  // Nothing may be written into an answer that has begun.
  if ([...answers].every(({ headersSent }) => !headersSent) && socket.writable) socket.write(TIMED_OUT);
  socket.destroySoon();
}
