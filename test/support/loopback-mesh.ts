/**
 * The demo's applications on loopback ports, with a stand-in for the mesh between them: real programs and real
 * sockets, no sidecars. Refuses and splits by the manifests that are applied, so that the demo can be tried anywhere.
 *
 * @module
 */
import { readdir, readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import * as v from "valibot";
import { parseAllDocuments } from "yaml";
import type { StartApp } from "../../src/demo/apps/app.ts";
import { BOOKBUYER, BOOKTHIEF, startBookClient } from "../../src/demo/apps/book-client.ts";
import { startBookstore } from "../../src/demo/apps/bookstore.ts";
import { startBookwarehouse } from "../../src/demo/apps/bookwarehouse.ts";
import { startDatabase } from "../../src/demo/apps/database.ts";
import { callHttp } from "../../src/demo/call.ts";
import type { LocalMesh, LocalMeshes, PodStatus } from "../../src/demo/ports.ts";
import { type Served, serveTcp } from "../../src/demo/serve.ts";

/** The fields that the stand-in obeys. */
const Policy = v.variant("kind", [
  v.object({
    kind: v.literal("MeshConfig"),
    spec: v.object({ traffic: v.object({ enablePermissiveTrafficPolicyMode: v.boolean() }) }),
  }),
  v.object({
    kind: v.literal("TrafficSplit"),
    spec: v.object({ backends: v.array(v.object({ weight: v.number() })) }),
  }),
  v.object({
    kind: v.literal("TrafficTarget"),
    metadata: v.object({ name: v.string() }),
    spec: v.object({ sources: v.array(v.object({ name: v.string() })) }),
  }),
]);

interface Rules {
  permissive: boolean;
  weights: readonly number[];
  readonly callers: Map<string, readonly string[]>;
}

function obey(rules: Rules, yaml: string): void {
  for (const document of parseAllDocuments(yaml)) {
    const policy = v.safeParse(Policy, document.toJS());
    if (!policy.success) continue;
    const object = policy.output;
    if (object.kind === "MeshConfig") rules.permissive = object.spec.traffic.enablePermissiveTrafficPolicyMode;
    else if (object.kind === "TrafficSplit") rules.weights = object.spec.backends.map(({ weight }) => weight);
    else
      rules.callers.set(
        object.metadata.name,
        object.spec.sources.map(({ name }) => name),
      );
  }
}

/** What a client's sidecar would do: lets its calls through to a version by weight, or closes them. */
function sidecar(client: string, rules: Rules, stores: readonly Served[]): Promise<Served> {
  let turn = 0;
  return serveTcp(0, (socket) => {
    if (!rules.permissive && !rules.callers.get("bookstore-v1")?.includes(client)) {
      socket.resetAndDestroy();
      return;
    }
    // Even rounds of a hundred instead of chance: a test can then ask for exact shares.
    const at = (turn++ * 37) % 100;
    const store = stores[at < (rules.weights[0] ?? 100) ? 0 : 1];
    if (store !== undefined) couple(socket, connect({ host: "127.0.0.1", port: store.port }));
  });
}

function couple(a: Socket, b: Socket): void {
  b.on("error", () => a.destroy());
  a.pipe(b).pipe(a);
}

interface Pod extends PodStatus {
  readonly served: Served;
}

/** `launched` counts meshes that are up: 0 again once all are down. */
export function loopbackMeshes(state = { launched: 0 }): LocalMeshes {
  return {
    preflight: async () => [],
    async launch({ directory }) {
      const rules: Rules = { permissive: false, weights: [100, 0], callers: new Map() };
      for (const name of await readdir(directory)) obey(rules, await readFile(join(directory, name), "utf8"));
      const pods = await startPods(rules);
      state.launched += 1;
      return meshOf(rules, pods, state);
    },
  };
}

const quiet = { log: () => undefined };

async function startPods(rules: Rules): Promise<readonly Pod[]> {
  const pods: Pod[] = [];
  const start = async (
    namespace: string,
    app: string,
    version: string,
    begin: StartApp,
    env: Record<string, string>,
  ): Promise<Served> => {
    const served = await begin({ env, port: 0, ...quiet });
    const now = Date.now();
    const name = `${app}-${version}-0`;
    const proxy = {
      identity: `${namespace}/${app}`,
      connected: true,
      certificate: { notBefore: now, notAfter: now + 86_400_000 },
      handshakes: 1,
    };
    pods.push({ namespace, name, labels: { app, version }, ready: true, reason: "", proxy, served });
    return served;
  };
  const at = ({ port }: Served): string => `127.0.0.1:${port}`;
  const database = await start("bookwarehouse", "database", "v1", startDatabase, {});
  const warehouse = await start("bookwarehouse", "bookwarehouse", "v1", startBookwarehouse, {
    DATABASE_ADDRESS: at(database),
  });
  const stores: Served[] = [];
  for (const version of ["v1", "v2"]) {
    const env = { IDENTITY: `bookstore-${version}`, BOOKWAREHOUSE_ADDRESS: at(warehouse) };
    stores.push(await start("bookstore", "bookstore", version, startBookstore, env));
  }
  for (const client of [BOOKBUYER, BOOKTHIEF]) {
    const proxy = await sidecar(client.name, rules, stores);
    const env = { BOOKSTORE_ADDRESS: at(proxy), CI_SLEEP_BETWEEN_REQUESTS_SECONDS: "0.02" };
    const begin: StartApp = async (input) => {
      const served = await startBookClient(client, input);
      const close = async (): Promise<void> => {
        await served.close();
        await proxy.close();
      };
      return { port: served.port, close };
    };
    await start(client.name, client.name, "v1", begin, env);
  }
  return pods;
}

function meshOf(rules: Rules, pods: readonly Pod[], state: { launched: number }): LocalMesh {
  return {
    status: async () => ({ pods }),
    apply: async (yaml) => obey(rules, yaml),
    async fetchPod({ namespace, name }, _port, path) {
      const pod = pods.find((one) => one.namespace === namespace && one.name === name);
      const { outcome, body } = await callHttp(`http://127.0.0.1:${pod?.served.port}${path}`);
      if (outcome.kind !== "answer" || outcome.status !== 200)
        throw new Error(`${namespace}/${name}${path}: ${JSON.stringify(outcome)}`);
      return body;
    },
    async down() {
      for (const { served } of [...pods].reverse()) await served.close();
      state.launched -= 1;
    },
  };
}
