/**
 * The HTTP echo behind TLS of its own, for applications that do not leave it to the mesh.
 *
 * @module
 */
import { createServer } from "node:https";
import { getRequestListener } from "@hono/node-server";
import { listening, portOf, type Served } from "../serve.ts";
import type { AppInput } from "./app.ts";
import { echoRoutes } from "./http-echo.ts";

/** @throws Error if the environment has no certificate or key. */
export async function startHttpsEcho({ env, port, log }: AppInput): Promise<Served> {
  const { TLS_CERTIFICATE: cert, TLS_KEY: key } = env;
  if (!cert || !key) throw new Error("https-echo needs TLS_CERTIFICATE and TLS_KEY, both PEM");
  const identity = env["IDENTITY"] || env["HOSTNAME"] || "https-echo";
  const listener = getRequestListener(echoRoutes(identity).fetch);
  // The adapter answers errors itself, so the promise carries nothing.
  const server = createServer({ cert, key }, (request, response) => void listener(request, response));
  server.listen(port, "0.0.0.0");
  await listening(server);
  log(`${identity} echoes HTTPS on port ${portOf(server)}`);
  return {
    port: portOf(server),
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      await promise;
    },
  };
}
