/**
 * Listening sockets of the demo's applications: HTTP by Hono, and plain TCP.
 *
 * @module
 */
import { createServer as createHttpServer } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { type WebSocket, WebSocketServer } from "ws";
import type { Millis } from "../core/base/millis.ts";

export interface Served {
  /** The real one, when 0 was asked for. */
  readonly port: number;
  /** Ends open connections too. */
  close(): Promise<void>;
}

/** All addresses of the pod: the sidecar reaches the application by 127.0.0.1, probes by the pod's address. */
const ANY_ADDRESS = "0.0.0.0";

/** Longer than Envoy keeps an idle upstream connection (1 h); otherwise a request meets a closing one and gets 503. */
const KEEP_ALIVE: Millis = 65 * 60_000;

export interface WebSockets {
  readonly path: string;
  readonly onOpen: (socket: WebSocket) => void;
}

export interface ServeOptions {
  readonly webSockets?: WebSockets;
  /** All addresses by default. */
  readonly address?: string;
}

/** Serves HTTP/1.1 and, on one path, WebSocket. Rejects when the port is taken. */
export async function serveHttp(app: Hono, port: number, options: ServeOptions = {}): Promise<Served> {
  const { webSockets, address = ANY_ADDRESS } = options;
  const listener = getRequestListener(app.fetch);
  // The adapter answers errors itself, so the promise carries nothing.
  const server = createHttpServer(
    { keepAliveTimeout: KEEP_ALIVE },
    (request, response) => void listener(request, response),
  );
  const upgraded = new WebSocketServer({ noServer: true });
  if (webSockets !== undefined) {
    server.on("upgrade", (request, socket, head) => {
      if (request.url?.split("?")[0] !== webSockets.path) socket.destroy();
      else upgraded.handleUpgrade(request, socket, head, webSockets.onOpen);
    });
  }
  server.listen(port, address);
  await listening(server);
  return {
    port: portOf(server),
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      for (const client of upgraded.clients) client.terminate();
      server.closeAllConnections();
      await promise;
    },
  };
}

/** Serves TCP; `onConnection` gets each socket with its errors already cared for. */
export async function serveTcp(port: number, onConnection: (socket: Socket) => void): Promise<Served> {
  const open = new Set<Socket>();
  const server = createTcpServer((socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    onConnection(socket);
  });
  server.listen(port, ANY_ADDRESS);
  await listening(server);
  return {
    port: portOf(server),
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
      await promise;
    },
  };
}

type Listening = Pick<Server, "address" | "listening"> & NodeJS.EventEmitter;

export async function listening(server: Listening): Promise<void> {
  if (server.listening) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("listening", resolve);
  server.once("error", reject);
  await promise;
}

export function portOf(server: Pick<Server, "address">): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a listening TCP server has no port");
  return address.port;
}
