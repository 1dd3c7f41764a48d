/**
 * One Envoy with nothing but listeners for probes, and applications to be probed, on free ports of this machine.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, createServer as createTcp, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BOOTSTRAP_FILES, buildBootstrapFiles } from "../../src/core/envoy/bootstrap.ts";
import type { ProbePlan } from "../../src/core/ir/probe.ts";
import { envoyFromEnvironment, throwAway } from "./validate.ts";

const TLS = { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: [], ecdhCurves: [] } as const;
const DEADLINE = 20_000;

export interface ProbedApp {
  readonly port: number;
  /** What it was asked: method, path, and the headers by name. */
  readonly seen: { readonly line: string; readonly headers: IncomingMessage["headers"] }[];
  close(): Promise<void>;
}

/** Answers 200 to `/healthz`, after two seconds to `/slow`, 302 to `/moved`, and 500 to all else. */
export async function startHttpApp(): Promise<ProbedApp> {
  return startRecorder((answer) => createHttp(answer));
}

export async function startHttpsApp(): Promise<ProbedApp> {
  const { certificate, key } = await throwAway();
  return startRecorder((answer) =>
    createHttps({ cert: certificate, key: key.reveal(), minVersion: "TLSv1.3" }, answer),
  );
}

/** @param port - 0: any that is free. */
export async function startTcpApp(port = 0): Promise<ProbedApp> {
  return {
    ...(await listen(
      createTcp((socket) => socket.on("error", () => {}).end()),
      port,
    )),
    seen: [],
  };
}

/** Speaks HTTP/2 without TLS, and says that it serves what is not called "down". */
export async function startGrpcApp(): Promise<ProbedApp> {
  const seen: ProbedApp["seen"] = [];
  const server = createHttp2();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    seen.push({ line: `${headers[":method"]} ${headers[":path"]}`, headers: {} });
    const received: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => received.push(chunk));
    stream.on("end", () => {
      const down = Buffer.concat(received).toString("latin1").endsWith("down");
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, down ? 2 : 1]));
    });
  });
  return { ...(await listen(server, 0)), seen };
}

async function startRecorder(make: (answer: RequestListener) => Server): Promise<ProbedApp> {
  const seen: ProbedApp["seen"] = [];
  const server = make((request, response) => {
    seen.push({ line: `${request.method} ${request.url}`, headers: request.headers });
    const path = (request.url ?? "").split("?")[0];
    if (path === "/slow") setTimeout(() => response.end("late"), 2000);
    else if (path === "/moved") response.writeHead(302, { location: "/healthz" }).end();
    else response.writeHead(path === "/healthz" ? 200 : 500).end("answer");
  });
  return { ...(await listen(server, 0)), seen };
}

async function listen(server: Server, port: number): Promise<Omit<ProbedApp, "seen">> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: portOf(server),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (typeof address === "object" && address !== null) return address.port;
  throw new Error("the server is not listening");
}

export interface ProbeBed {
  /** Where a listener of the bootstrap's really is. */
  at(port: number): number;
  stop(): Promise<void>;
}

/** @param control - `absent`: there is none to wait for. `silent`: one is named, and nobody listens there. */
export async function startProbeBed(probes: ProbePlan, control: "absent" | "silent" = "absent"): Promise<ProbeBed> {
  const program = envoyFromEnvironment();
  const directory = await mkdtemp(join(tmpdir(), "osm-probes-"));
  const { root, certificate, key } = await throwAway();
  const files: Readonly<Record<string, string>> = {
    ...buildBootstrapFiles({
      nodeId: "proxy",
      cluster: "account.namespace",
      xds: { host: "127.0.0.1", port: 1, serverName: "ads.cluster.local" },
      adminPort: 15000,
      tls: TLS,
      protocol: "delta",
      directory,
      probes,
      waitForConfiguration: true,
    }),
    [BOOTSTRAP_FILES.roots]: root,
    [BOOTSTRAP_FILES.certificate]: certificate,
    [BOOTSTRAP_FILES.key]: key.reveal(),
  };
  const moved = await movedPorts(files[BOOTSTRAP_FILES.bootstrap] ?? "", control);
  for (const [name, text] of Object.entries({ ...files, [BOOTSTRAP_FILES.bootstrap]: moved.text }))
    await writeFile(join(directory, name), text, { mode: 0o600 });
  const argv = ["--disable-hot-restart", "--log-level", "error", "--concurrency", "1"];
  const envoy = spawn(program, [...argv, "-c", join(directory, BOOTSTRAP_FILES.bootstrap)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const stop = async (): Promise<void> => {
    await ended(envoy);
    await rm(directory, { recursive: true });
  };
  const at = (port: number) => moved.ports.get(port) ?? 1;
  if (control === "absent") await untilAnswers(at(15904));
  return { at, stop };
}

async function movedPorts(text: string, control: "absent" | "silent") {
  const bootstrap = JSON.parse(text);
  if (control === "absent") delete bootstrap.dynamic_resources;
  const ports = new Map<number, number>();
  for (const { address } of [bootstrap.admin, ...bootstrap.static_resources.listeners]) {
    const free = await freePort();
    ports.set(address.socket_address.port_value, free);
    address.socket_address = { address: "127.0.0.1", port_value: free };
  }
  return { text: JSON.stringify(bootstrap), ports };
}

export async function freePort(): Promise<number> {
  const app = await startTcpApp();
  await app.close();
  return app.port;
}

/** @throws Error if nothing does within the deadline. */
async function untilAnswers(port: number): Promise<void> {
  const end = Date.now() + DEADLINE;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/osm-proxy-ready`).catch(() => undefined);
    if (answer?.status === 200) return;
    if (Date.now() > end) throw new Error(`Envoy does not say that it is ready at port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
