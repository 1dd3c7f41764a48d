/**
 * gRPC without a schema: a server that answers every method with the messages it was sent, health checks aside, and
 * one call to it.
 *
 * A gRPC message is five bytes of frame and its content, so a service that echoes bytes echoes messages, streams too.
 *
 * @module
 */
import {
  type ClientHttp2Session,
  connect,
  createSecureServer,
  createServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Millis } from "../../core/base/millis.ts";
import { listening, portOf, type Served } from "../serve.ts";
import type { AppInput } from "./app.ts";
import { answerHealth, HEALTH_CHECK } from "./grpc-health.ts";

/**
 * Serves gRPC over clear-text HTTP/2, as Envoy speaks to an application; over TLS of its own, which no proxy can read,
 * where `TLS_CERT` and `TLS_KEY` (PEM) are set.
 */
export async function startGrpcEcho({ env, port, log }: AppInput): Promise<Served> {
  const identity = env["IDENTITY"] || env["HOSTNAME"] || "grpc-echo";
  const sessions = new Set<ServerHttp2Session>();
  const { TLS_CERT: cert, TLS_KEY: key } = env;
  const server = cert === undefined || key === undefined ? createServer() : createSecureServer({ cert, key });
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => stream.close());
    if (headers[":path"] === HEALTH_CHECK) {
      // A caller that goes away before its request is complete gets no answer.
      answerHealth(stream).catch(() => stream.close());
      return;
    }
    stream.respond({ ":status": 200, "content-type": "application/grpc", identity }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.pipe(stream);
  });
  server.listen(port, "0.0.0.0");
  await listening(server);
  log(`${identity} echoes gRPC on port ${portOf(server)}`);
  return {
    port: portOf(server),
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      for (const session of sessions) session.destroy();
      await promise;
    },
  };
}

export interface GrpcReply {
  /** HTTP status; 0 if there was no answer. */
  readonly status: number;
  /** "" if the call ended without one, which no gRPC server does. */
  readonly grpcStatus: string;
  readonly identity: string;
  readonly message: string;
  /** Why there was no answer, else "". */
  readonly error: string;
}

export interface GrpcCallOptions {
  readonly deadline?: Millis;
  /** Of an `https` server: the root (PEM) that its certificate must come from. */
  readonly trust?: string | undefined;
}

/** Sends one message to `POST path` of the server at `origin` (`http://host:port`, or `https`). Never rejects. */
export async function callGrpc(
  origin: string,
  path: string,
  message: string,
  { deadline = 5_000, trust }: GrpcCallOptions = {},
): Promise<GrpcReply> {
  const session = connect(origin, trust === undefined ? {} : { ca: trust });
  try {
    return await exchange(session, path, message, deadline);
  } catch (error) {
    return {
      status: 0,
      grpcStatus: "",
      identity: "",
      message: "",
      error: error instanceof Error ? error.message : String(error),
    };
  } finally {
    session.destroy();
  }
}

function exchange(session: ClientHttp2Session, path: string, message: string, deadline: Millis): Promise<GrpcReply> {
  const { promise, resolve, reject } = Promise.withResolvers<GrpcReply>();
  session.once("error", reject);
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const timer = setTimeout(() => reject(new Error(`no answer within ${deadline} ms`)), deadline);
  const chunks: Uint8Array[] = [];
  let head = { status: 0, identity: "", grpcStatus: "" };
  stream.on("response", (headers) => {
    head = {
      status: Number(headers[":status"]),
      identity: text(headers["identity"]),
      grpcStatus: text(headers["grpc-status"]),
    };
  });
  stream.on("trailers", (trailers) => {
    head = { ...head, grpcStatus: text(trailers["grpc-status"]) };
  });
  stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  stream.once("error", reject);
  stream.once("close", () => resolve({ ...head, message: unframe(Buffer.concat(chunks)), error: "" }));
  stream.end(frame(message));
  return promise.finally(() => clearTimeout(timer));
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

const FRAME_HEADER = 5;

function frame(message: string): Uint8Array {
  const content = Buffer.from(message);
  const header = Buffer.alloc(FRAME_HEADER);
  header.writeUInt32BE(content.byteLength, 1);
  return Buffer.concat([header, content]);
}

function unframe(bytes: Buffer): string {
  return bytes.subarray(FRAME_HEADER).toString("utf8");
}
