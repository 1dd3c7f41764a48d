/**
 * What a change of the mesh's root is done under: HTTP and TCP, kept and new connections, and pods that must live on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { MESH_NAMESPACE } from "../../deploy/build/names.ts";
import { allConnected, expectNoFailure, resetLoad, startLoad } from "./control-plane.ts";
import { kubectl } from "./kubectl.ts";
import { podsOf } from "./mesh.ts";
import type { PodState } from "./pods.ts";
import type { TcpTally } from "./steady-tcp.ts";
import { expectUnbroken, freshFailures, startTcpLoad, TCP_APPS, tcpTally } from "./tcp-load.ts";

/** As `startLoad` and `startTcpLoad` name them. */
const APPS = ["web", "load-kept", "load-fresh", ...TCP_APPS];

/** A load that has begun to be counted. */
export interface Count {
  readonly namespace: string;
  readonly startedAt: number;
  readonly tcp: TcpTally;
  /** Containers of the pods under load and of the control plane, with how often each was started again. */
  readonly containers: readonly string[];
}

export async function startWholeLoad(ns: string): Promise<void> {
  await startLoad(ns);
  await startTcpLoad(ns);
}

export function accountsOf(ns: string): readonly string[] {
  return APPS.map((name) => `${ns}/${name}`);
}

/** Names of the pods under load, sorted by app. */
export async function podsUnderLoad(ns: string): Promise<readonly string[]> {
  return (await Promise.all(APPS.map((name) => podsOf({ namespace: ns, name })))).flat();
}

export async function beginCount(ns: string): Promise<Count> {
  await resetLoad(ns);
  return { namespace: ns, startedAt: Date.now(), tcp: await tcpTally(ns), containers: await containersOf(ns) };
}

/** No request failed, no connection broke and none that was new was refused; nothing was restarted; nobody is cut off. */
export async function expectUnharmed(count: Count): Promise<void> {
  const { namespace: ns, tcp } = count;
  await expectServed(count);
  assert.deepEqual(await freshFailures(ns, tcp), []);
}

/** The same, but for new connections. */
export async function expectServed({ namespace: ns, startedAt, tcp, containers }: Count): Promise<void> {
  assert.deepEqual(await containersOf(ns), containers, "pods were restarted");
  await allConnected();
  const seconds = (Date.now() - startedAt) / 1000;
  await expectNoFailure(ns, seconds);
  await expectUnbroken(ns, tcp, seconds);
}

async function containersOf(ns: string): Promise<readonly string[]> {
  const said = await Promise.all([ns, MESH_NAMESPACE].map((one) => kubectl(["-n", one, "get", "pods", "-o", "json"])));
  const pods = said.flatMap((text) => (JSON.parse(text) as { readonly items: readonly PodState[] }).items);
  return pods
    .flatMap(({ metadata, status }) =>
      [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map(
        ({ name, restartCount }) => `${metadata.name}/${name} ${restartCount}`,
      ),
    )
    .sort();
}
