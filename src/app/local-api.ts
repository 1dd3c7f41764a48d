/**
 * The HTTP API of a mesh on one machine: on a socket in its state folder, with a token beside it.
 *
 * @module
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { createInventory } from "../ca/inventory.ts";
import type { Millis } from "../core/base/millis.ts";
import { apiRoutes } from "../http/api/api.ts";
import { meshViewOf } from "../http/api/mesh-view.ts";
import { createToken, tokenAuthorizer } from "../http/token-authorizer.ts";
import { apiDoor } from "../local/cluster/state-dir.ts";
import { startHttpServer } from "../platform/http-server.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ControlPlane } from "./control-plane.ts";
import { fileRoots, rootFolder } from "./rotation-files.ts";
import { rotationLevers } from "./rotation-levers.ts";
import { BUILD } from "./version.ts";

const GRACE: Millis = 100;

/** Returns how to stop it. Rejects where the socket cannot be had. */
export async function serveLocalApi(stateDir: string, plane: ControlPlane, log: Logger): Promise<() => Promise<void>> {
  const { socket, token: tokenFile } = apiDoor(stateDir);
  mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
  const token = createToken();
  writeFileSync(`${tokenFile}.new`, token.reveal(), { mode: 0o600 });
  renameSync(`${tokenFile}.new`, tokenFile);
  rmSync(socket, { force: true });
  const onError = (error: unknown) => log.error("an API request could not be answered", { error: String(error) });
  const mesh = meshViewOf(plane.engine, {
    version: BUILD,
    replicas: () => [{ name: "local", leader: true, self: true }],
    sources: () => [],
    certificates: createInventory(plane),
    rotation: rotationLevers(plane.rotation, fileRoots(rootFolder(stateDir), plane.rotation.rotator)),
  });
  const app = apiRoutes({
    mesh,
    authorizer: tokenAuthorizer(token, "the user of this machine"),
    hosts: [],
    onError,
    onAction: (record) => log.info("audit", { ...record }),
  });
  const server = await startHttpServer({ fetch: (request) => app.fetch(request), listen: { path: socket }, onError });
  return async () => {
    rmSync(socket, { force: true });
    await server.stop(GRACE);
  };
}
