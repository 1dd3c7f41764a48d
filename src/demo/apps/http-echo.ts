/**
 * An HTTP server for trying policies on: tells what it was asked, streams, counts uploads, answers any status.
 *
 * @module
 */
import { Hono } from "hono";
import { streamText } from "hono/streaming";
import { type Served, serveHttp, type WebSockets } from "../serve.ts";
import { type AppInput, probeRoutes } from "./app.ts";

/** An hour: a stream that outlives its test would hold the server open. */
const MAX_STREAM_SECONDS = 3600;

export function echoRoutes(identity: string): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header("Identity", identity);
  });
  return app
    .route("/", probeRoutes())
    .get("/stream", (c) => {
      const seconds = Number(c.req.query("seconds") ?? "10");
      if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_STREAM_SECONDS) {
        return c.json({ error: `seconds must be a whole number from 1 to ${MAX_STREAM_SECONDS}` }, 400);
      }
      return streamText(c, async (out) => {
        for (let second = 1; second <= seconds && !out.aborted; second++) {
          await out.writeln(`chunk ${second} of ${seconds}`);
          if (second < seconds) await out.sleep(1000);
        }
      });
    })
    .on(["PUT", "POST"], "/upload", async (c) => c.json({ bytes: await countBytes(c.req.raw.body) }))
    .all("/status/:code{[2-5][0-9][0-9]}", (c) => new Response(null, { status: Number(c.req.param("code")) }))
    .all("*", (c) => {
      const { method, path } = c.req;
      return c.json({ method, path, query: c.req.query(), headers: c.req.header(), identity });
    });
}

async function countBytes(body: ReadableStream<Uint8Array> | null): Promise<number> {
  let bytes = 0;
  for await (const chunk of body ?? []) bytes += chunk.byteLength;
  return bytes;
}

const ECHO_SOCKETS: WebSockets = {
  path: "/ws",
  onOpen(socket) {
    socket.on("message", (content, isBinary) => socket.send(content, { binary: isBinary }));
    socket.on("error", () => socket.terminate());
  },
};

/** `LISTEN_ADDRESS` names the one address to serve: an application need not listen on all addresses of its pod. */
export async function startHttpEcho({ env, port, log }: AppInput): Promise<Served> {
  const identity = env["IDENTITY"] || env["HOSTNAME"] || "http-echo";
  const address = env["LISTEN_ADDRESS"] || undefined;
  const served = await serveHttp(echoRoutes(identity), port, {
    webSockets: ECHO_SOCKETS,
    ...(address === undefined ? {} : { address }),
  });
  log(`${identity} echoes HTTP on port ${served.port}`);
  return served;
}
