/**
 * Serves a web-standard handler over HTTP/1.1: on a port, with or without TLS, or on a Unix socket.
 *
 * TLS ends in a server of its own that hands its connections on, since `setSecureContext` of `node:https` is missing
 * under Bun and that of `node:tls` is not. HTTP/2 is not offered: webhook calls and scrapes need no streams, and what
 * a client can do to a server with them is not worth it.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Server as NetServer } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { getRequestListener, RequestError } from "@hono/node-server";
import type { Millis } from "../core/base/millis.ts";
import type { Redacted } from "../core/base/redacted.ts";
import { type FetchHandler, limitBody } from "./body-limit.ts";
import { type ConnectionLimits, limitConnections } from "./connection-limits.ts";

/** All PEM. */
export interface HttpTls {
  /** The server's own, leaf first. */
  readonly certificate: string;
  readonly key: Redacted<string>;
}

export interface HttpLimits extends ConnectionLimits {
  /** Of a request's body, in bytes. */
  readonly bodyBytes: number;
  /** Of a request's header, in bytes. */
  readonly headerBytes: number;
  readonly connections: number;
}

export interface HttpServerOptions {
  readonly fetch: FetchHandler;
  /** Port 0: any free one. A socket at `path` takes the place of what is there, for this user alone. */
  readonly listen: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly tls?: HttpTls;
  readonly limits?: Partial<HttpLimits>;
  /** Told of what the handler threw: by then the client has a 500 without a word of it. Must not throw. */
  readonly onError: (error: unknown) => void;
}

export interface HttpServer {
  /** 0 on a Unix socket. */
  readonly port: number;
  /** For new handshakes; connections stay. @throws Error if the server was started without TLS, or the pair cannot be used. */
  setTls(tls: HttpTls): void;
  /**
   * From now on every answer ends its connection, while new ones are still accepted. For the time before a stop: by
   * its end nobody who calls often has a connection left that the stop could break.
   */
  drain(): void;
  /** Accepts nobody, lets requests under way end, and cuts what is left after `grace`. Never rejects. */
  stop(grace: Millis): Promise<void>;
}

/** `idle` is above the 90 s after which Go's clients, such as the API server, close: else a request may meet the end of its connection. */
const HTTP_LIMITS: HttpLimits = {
  header: 15_000,
  idle: 100_000,
  body: 20_000,
  bodyBytes: 3 * 1024 * 1024,
  headerBytes: 32 * 1024,
  connections: 4096,
};
const HANDSHAKE_TIMEOUT: Millis = 10_000;
const OWNER_ONLY = 0o600;
/** The runtime's own, which hold for some servers only: `limitConnections` stands in for all of them. */
const NO_LIMITS = { headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 } as const;

/** Rejects where the address cannot be had. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const http = createServer({ maxHeaderSize: limits.headerBytes, ...NO_LIMITS });
  const connections = limitConnections(http, limits);
  http.on("request", listenerOf(options, limits));
  http.on("clientError", refuse);
  if (options.tls !== undefined) checkPair(options.tls);
  const tls = options.tls && terminate(options.tls, http);
  const door: NetServer = tls ?? http;
  door.maxConnections = limits.connections;
  await listen(door, options.listen);
  return {
    port: portOf(door),
    setTls(next) {
      if (tls === undefined) throw new Error("this server was started without TLS: there is no certificate to replace");
      checkPair(next);
      tls.setSecureContext(contextOf(next));
    },
    drain: () => connections.drain(),
    async stop(grace) {
      const { promise, resolve } = Promise.withResolvers<void>();
      door.close(() => resolve());
      connections.drain();
      connections.endIdle();
      // Clients that never began their handshake are nobody's connections yet: nothing waits for them.
      const timer = setTimeout(() => {
        connections.destroyAll();
        resolve();
      }, grace);
      await promise;
      clearTimeout(timer);
    },
  };
}

function listenerOf({ fetch, onError }: HttpServerOptions, { bodyBytes }: HttpLimits) {
  const listener = getRequestListener(limitBody(fetch, bodyBytes), {
    overrideGlobalObjects: false,
    errorHandler(error) {
      // A target or a Host that is no URL.
      if (error instanceof RequestError) return new Response(null, { status: 400 });
      onError(error);
      return new Response(null, { status: 500 });
    },
  });
  // The adapter answers errors itself, so the promise carries nothing.
  return (request: IncomingMessage, response: ServerResponse) => void listener(request, response);
}

function terminate(tls: HttpTls, http: Server): TlsServer {
  const server = createTlsServer(
    { ...contextOf(tls), ALPNProtocols: ["http/1.1"], handshakeTimeout: HANDSHAKE_TIMEOUT },
    (socket) => {
      http.emit("connection", socket);
    },
  );
  // Anybody may knock without speaking TLS; that is their affair.
  server.on("tlsClientError", (_, socket) => socket.destroy());
  return server;
}

// Deno would take a key of another certificate, and fail at each handshake.
function checkPair({ certificate, key }: HttpTls): void {
  const leaf = new X509Certificate(certificate);
  if (leaf.checkPrivateKey(createPrivateKey(key.reveal()))) return;
  throw new Error(`the private key is not that of the certificate with the serial number ${leaf.serialNumber}`);
}

function contextOf({ certificate, key }: HttpTls) {
  return { cert: certificate, key: key.reveal(), minVersion: "TLSv1.2" as const };
}

function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  const line = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  if (!socket.writable || error.code === "ECONNRESET") socket.destroy();
  else socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

async function listen(server: NetServer, at: HttpServerOptions["listen"]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  if ("path" in at) rmSync(at.path, { force: true });
  server.listen(at, resolve);
  await promise;
  server.off("error", reject);
  if ("path" in at) chmodSync(at.path, OWNER_ONLY);
}

function portOf(server: NetServer): number {
  const address = server.address();
  return address === null || typeof address === "string" ? 0 : address.port;
}
