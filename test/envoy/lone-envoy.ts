/**
 * One real Envoy on this machine's loopback with a static configuration: for what a filter does, not for the whole mesh.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import type { JsonValue } from "@bufbuild/protobuf";
import type { ThrowAway } from "./validate.ts";

const START_DEADLINE = 15_000;
const POLL = 50;

/** Starts Envoy and waits until `port` answers. Call the result to stop it. @throws Error with its output if it does not. */
export async function startEnvoy(binary: string, bootstrap: JsonValue, port: number): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "osm-envoy-"));
  const path = join(directory, "bootstrap.json");
  await writeFile(path, JSON.stringify(bootstrap), { mode: 0o600 });
  const argv = ["-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"];
  const child = spawn(binary, argv, { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const exited = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
    await rm(directory, { recursive: true });
  };
  for (const end = Date.now() + START_DEADLINE; Date.now() < end; await sleep(POLL)) {
    if (await answers(port)) return stop;
    if (child.exitCode !== null) break;
  }
  await stop();
  throw new Error(`Envoy does not listen on port ${port}:\n${output}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address === "object" && address !== null) return address.port;
  throw new Error("the machine gave no port");
}

export interface MeshCall {
  readonly port: number;
  readonly sni: string;
  readonly caller: ThrowAway;
  /** Nothing: the caller waits for what the server says first. */
  readonly send?: string;
}

/** What a caller of the mesh reads until the connection ends or nothing came for `patience` milliseconds. */
export function callInMesh({ port, sni, caller, send }: MeshCall, patience = 500): Promise<string> {
  return new Promise((resolve) => {
    let read = "";
    const socket: Socket = connectTls({
      host: "127.0.0.1",
      port,
      servername: sni,
      ALPNProtocols: ["osm"],
      ca: caller.root,
      cert: caller.certificate,
      key: caller.key.reveal(),
      // The server's name is not what is looked at here, and its certificate is thrown away anyway.
      checkServerIdentity: () => undefined,
    });
    const end = (): void => {
      socket.destroy();
      resolve(read);
    };
    socket.setTimeout(patience, end).on("error", end).on("close", end);
    socket.on("data", (chunk: Buffer) => {
      read += chunk.toString();
    });
    if (send !== undefined) socket.write(send);
  });
}
