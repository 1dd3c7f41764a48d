/**
 * A web-standard handler on a Unix socket.
 *
 * @module
 */
import { rmSync } from "node:fs";
import type { Millis } from "../../core/base/millis.ts";
import { startHttpServer } from "../../platform/http-server.ts";

/** For a command whose answer is under way when the mesh stops. */
const GRACE: Millis = 100;

export type Handler = (request: Request) => Response | Promise<Response>;

/** Serves on `path`, readable for this user alone, until the returned function is called. */
export async function serveOnSocket(path: string, handler: Handler): Promise<() => Promise<void>> {
  const server = await startHttpServer({ fetch: withErrors(handler), listen: { path }, onError() {} });
  return () => {
    rmSync(path, { force: true });
    return server.stop(GRACE);
  };
}

/** Whoever may reach the socket may know what went wrong: it is the user who started the mesh. */
function withErrors(handler: Handler): Handler {
  return async (request) => {
    try {
      return await handler(request);
    } catch (cause) {
      return Response.json({ errors: [cause instanceof Error ? cause.message : String(cause)] }, { status: 500 });
    }
  };
}
