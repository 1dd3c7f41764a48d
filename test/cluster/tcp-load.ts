/**
 * A steady load of TCP on the mesh, beside that of HTTP: `steady-tcp.ts` in a pod, which reaches its server through two
 * proxies.
 *
 * The image of the mesh is one program, which can run a script too: its runtime is in it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { app, type Manifest, namespace, service } from "../support/workloads.ts";
import { kubectl } from "./kubectl.ts";
import { apply, eventually, untilReady } from "./mesh.ts";
import type { FreshFailures, TcpTally } from "./steady-tcp.ts";
import { withScript } from "./workloads.ts";

/** Of the Deployments and accounts that `startTcpLoad` makes. */
export const TCP_APPS = ["echo", "tcp-client"] as const;
const [SERVER, CLIENT] = TCP_APPS;
const PORT = 9000;
/** Lines that may be under way: five seconds' worth, on a busy machine. */
const UNDER_WAY = 50;

export async function startTcpLoad(ns: string): Promise<void> {
  const server = { namespace: ns, name: SERVER };
  await apply(
    namespace(ns),
    service(server, [{ port: PORT, appProtocol: "tcp" }]),
    ...app({ ...server, run: { app: ["tcp-echo", "--port", String(PORT)] }, port: PORT }),
  );
  await untilReady(ns);
  await apply(...client(ns));
  await untilReady(ns);
  await eventually("the TCP load flows", 60, async () => {
    const { echoed, fresh } = await tcpTally(ns);
    assert.ok(echoed > 10 && fresh.ok > 1, "nothing came back yet");
  });
}

function client(ns: string): readonly Manifest[] {
  const of = { namespace: ns, name: CLIENT };
  const text = readFileSync(new URL("steady-tcp.ts", import.meta.url), "utf8");
  const run = { command: ["osm", "/scripts/steady-tcp.ts", `${SERVER}.${ns}`, String(PORT)] };
  return withScript(app({ ...of, run, env: { BUN_BE_BUN: "1" } }), of, { "steady-tcp.ts": text });
}

/** What came of it by now. @throws Error if the client has said nothing yet. */
export async function tcpTally(ns: string): Promise<TcpTally> {
  const said = await kubectl(["-n", ns, "logs", `deployment/${CLIENT}`, "-c", "main", "--tail=1"]);
  return JSON.parse(said) as TcpTally;
}

/** New connections that failed since `before`. */
export async function freshFailures(ns: string, before: TcpTally): Promise<readonly FreshFailures[]> {
  const last = before.fresh.failures.at(-1)?.until ?? 0;
  return (await tcpTally(ns)).fresh.failures.filter(({ until }) => until > last);
}

/** The one connection lives, and was used all the time since `before`. */
export async function expectUnbroken(ns: string, before: TcpTally, seconds: number): Promise<void> {
  const { sent, echoed, ended } = await tcpTally(ns);
  assert.equal(ended, "", "the long-lived TCP connection broke");
  assert.ok(sent - echoed < UNDER_WAY, `${sent - echoed} lines of the long-lived TCP connection are not answered`);
  // A third of what was due, as of the requests.
  assert.ok(echoed - before.echoed > (seconds * 10) / 3, `only ${echoed - before.echoed} lines in ${seconds} s`);
}
