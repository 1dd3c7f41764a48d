/**
 * A web-standard handler on a Unix socket. `Bun.serve` and `Deno.serve` differ; `node:http` is the same on both.
 *
 * @module
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** Bodies above this are refused (design 7). */
const MAX_BODY_BYTES = 3 * 1024 * 1024;
const TOO_LARGE = 413;
const INTERNAL = 500;

export type Handler = (request: Request) => Response | Promise<Response>;

/** Serves on `path`, readable for this user alone, until the returned function is called. */
export async function serveOnSocket(path: string, handler: Handler): Promise<() => Promise<void>> {
  rmSync(path, { force: true });
  const server = createServer((request, response) => {
    // Cannot reject: what goes wrong is answered.
    void answer(request, response, handler);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return () => close(server, path);
}

async function answer(request: IncomingMessage, response: ServerResponse, handler: Handler): Promise<void> {
  try {
    const body = await readBody(request);
    if (body === undefined) {
      response.writeHead(TOO_LARGE).end();
      return;
    }
    const method = request.method ?? "GET";
    const init = method === "GET" || method === "HEAD" ? { method } : { method, body };
    const answered = await handler(new Request(new URL(request.url ?? "/", "http://osm.local"), init));
    response.writeHead(answered.status, Object.fromEntries(answered.headers));
    response.end(Buffer.from(await answered.arrayBuffer()));
  } catch (cause) {
    const errors = [cause instanceof Error ? cause.message : String(cause)];
    response.writeHead(INTERNAL, { "content-type": "application/json" }).end(JSON.stringify({ errors }));
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function close(server: Server, path: string): Promise<void> {
  rmSync(path, { force: true });
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
