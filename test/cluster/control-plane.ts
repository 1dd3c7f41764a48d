/**
 * The control plane's replicas as the tests of outages see them: pods, leader, counters, and a steady load on the mesh.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { CONTROLLER, MESH_NAMESPACE } from "../../deploy/build/names.ts";
import type { Tally } from "../../src/demo/tally.ts";
import { runCommand } from "../../src/local/tools/command.ts";
import { app, type Manifest, namespace, service } from "../support/workloads.ts";
import { kubectl } from "./kubectl.ts";
import { apply, eventually, get, untilReady } from "./mesh.ts";
import { withHost } from "./workloads.ts";

const LOAD_PORT = 8090;
/** Requests a second of each of the two clients. */
const RATE = 20;
const CLIENTS = ["load-kept", "load-fresh"] as const;
const PATIENCE = 240;
/** Seconds. A busy machine is slow, which is no failure of the mesh; what it breaks stays broken. */
const PATIENCE_OF_CLIENTS = 60;

/** Names of the replicas' pods that are ready and stay, sorted. */
export async function replicas(): Promise<readonly string[]> {
  const path =
    "{range .items[*]}{.metadata.name} {.metadata.deletionTimestamp} {.status.conditions[?(@.type=='Ready')].status}{'\\n'}{end}";
  const said = await kubectl([
    "-n",
    MESH_NAMESPACE,
    "get",
    "pods",
    "-l",
    `app=${CONTROLLER}`,
    "-o",
    `jsonpath=${path}`,
  ]);
  return said
    .split("\n")
    .map((line) => line.split(" "))
    .flatMap(([name = "", deleted, ready]) => (deleted === "" && ready === "True" ? [name] : []))
    .sort();
}

/** Resolves once there are `count` ready replicas, and no others. */
export async function scaleControlPlane(count: number): Promise<readonly string[]> {
  await kubectl(["-n", MESH_NAMESPACE, "scale", "deployment", CONTROLLER, `--replicas=${count}`]);
  return await settledReplicas(count);
}

export async function settledReplicas(count: number): Promise<readonly string[]> {
  return await eventually(`${count} replicas`, PATIENCE, async () => {
    const ready = await replicas();
    const all = await kubectl(["-n", MESH_NAMESPACE, "get", "pods", "-l", `app=${CONTROLLER}`, "-o", "name"]);
    assert.equal(ready.length, count);
    assert.equal(all.trim().split("\n").length, count, all);
    return ready;
  });
}

/** The pod that leads, by the Lease; "" if none does. */
export async function leader(): Promise<string> {
  const path = "jsonpath={.spec.holderIdentity}";
  const holder = await kubectl(["-n", MESH_NAMESPACE, "get", "lease", CONTROLLER, "--ignore-not-found", "-o", path]);
  return holder.slice(0, Math.max(0, holder.lastIndexOf("_")));
}

/** The sum of a metric over its labels, as a replica counts it. */
export async function metricOf(replica: string, name: string): Promise<number> {
  const text = await kubectl([
    "get",
    "--raw",
    `/api/v1/namespaces/${MESH_NAMESPACE}/pods/${replica}:9091/proxy/metrics`,
  ]);
  const values = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** A metric of a replica by its label `resource_type`, without zeroes. */
export async function sentBy(replica: string): Promise<Readonly<Record<string, number>>> {
  const text = await kubectl([
    "get",
    "--raw",
    `/api/v1/namespaces/${MESH_NAMESPACE}/pods/${replica}:9091/proxy/metrics`,
  ]);
  const counts = [...text.matchAll(/^osm_proxy_resources_sent_total\{resource_type="(\w+)"\} (\d+)$/gm)];
  return Object.fromEntries(
    counts.flatMap(([, type = "", count]) => (Number(count) > 0 ? [[type, Number(count)]] : [])),
  );
}

/** Changes whenever an endpoint of any Service of the mesh's namespaces does. */
export async function endpointVersions(): Promise<string> {
  const path = "jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.resourceVersion} {end}";
  const said = await kubectl(["get", "endpointslices", "-A", "-o", path]);
  return said
    .split(" ")
    .filter((one) => !/^(osm-system|kube-system|default)\//.test(one))
    .sort()
    .join(" ");
}

/** Over all replicas that are ready. */
export async function metricsOfAll(name: string): Promise<number> {
  const values = await Promise.all((await replicas()).map((one) => metricOf(one, name)));
  return values.reduce((sum, value) => sum + value, 0);
}

/** What `/api/v1/…` of one replica answers to an account that may ask: to a GET, or a POST of `post`. */
export async function askApi<T>(replica: string, path: string, post?: object): Promise<T> {
  const args = ["-n", MESH_NAMESPACE, "port-forward", `pod/${replica}`, ":9092"];
  const forward = spawn("kubectl", args, { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const port = await new Promise<string>((resolve, reject) => {
      let said = "";
      forward.stdout.on("data", (bytes: Buffer) => {
        said += bytes.toString();
        const found = /127\.0\.0\.1:(\d+) /.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      });
      forward.once("close", () => reject(new Error(`kubectl port-forward to ${replica} ended: ${said}`)));
    });
    const token = (await kubectl(["-n", MESH_NAMESPACE, "create", "token", CLIENT_ACCOUNT])).trim();
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const method = post === undefined ? {} : { method: "POST", body: JSON.stringify(post) };
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers, ...method });
    if (!answer.ok) throw new Error(`${path} of ${replica}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  } finally {
    forward.kill();
  }
}

const CLIENT_ACCOUNT = "test-api-reader";

/** An account that `askApi` may use; with the operator's role for POST too. */
export function apiReader(role: "osm-api-reader" | "osm-api-operator" = "osm-api-reader"): readonly Manifest[] {
  const name = role === "osm-api-reader" ? CLIENT_ACCOUNT : `${CLIENT_ACCOUNT}-operates`;
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace: MESH_NAMESPACE, name: CLIENT_ACCOUNT } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
      subjects: [{ kind: "ServiceAccount", name: CLIENT_ACCOUNT, namespace: MESH_NAMESPACE }],
    },
  ];
}

/** A server of two pods, and two clients that never pause: one keeps its connections, one opens one each time. */
export async function startLoad(ns: string): Promise<void> {
  const web = { namespace: ns, name: "web" };
  const host = `web.${ns}`;
  await apply(namespace(ns), service(web, [{ port: 8080, name: "http" }]));
  const address = await kubectl(["-n", ns, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"]);
  const run = (name: string): readonly Manifest[] => {
    const fresh = name === "load-fresh" ? ["--fresh"] : [];
    const url = `http://${host}:8080/`;
    const port = String(LOAD_PORT);
    const pace = ["--rps", String(RATE), "--timeout", String(PATIENCE_OF_CLIENTS)];
    const args = ["http-load", "--url", url, "--port", port, ...pace, ...fresh];
    const made = app({ namespace: ns, name, run: { app: args }, port: LOAD_PORT }).map(patientProbe);
    // The cluster's DNS may fail where the mesh must not: while the API server is away, and when it comes back.
    return withHost(made, host, address);
  };
  await apply(
    ...app({ ...web, run: { app: ["http-echo", "--port", "8080"] }, port: 8080, replicas: 2 }).map(patientProbe),
    ...CLIENTS.flatMap(run),
  );
  await untilReady(ns);
  await eventually("the load flows", PATIENCE, async () => {
    await resetLoad(ns);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    for (const { requests, ok } of await tallies(ns))
      assert.ok(ok === requests && requests > RATE, `${ok}/${requests}`);
  });
}

/** A pod that answers late on a busy machine must not leave its Service: that would be a failure of the test's making. */
function patientProbe(manifest: Manifest): Manifest {
  return JSON.parse(
    JSON.stringify(manifest, (key, value: unknown) =>
      key === "readinessProbe" && typeof value === "object"
        ? { ...value, timeoutSeconds: 15, failureThreshold: 10 }
        : value,
    ),
  ) as Manifest;
}

export async function resetLoad(ns: string): Promise<void> {
  for (const one of CLIENTS) await get(`${ns}/${one}`, `http://127.0.0.1:${LOAD_PORT}/reset`);
}

/** Every request of both clients since the last reset was answered well, and there were enough of them. */
export async function expectNoFailure(ns: string, seconds: number): Promise<void> {
  const counted = await tallies(ns);
  if (counted.some(({ requests, ok }) => requests !== ok)) console.error(await loggedFailures(ns));
  for (const [i, tally] of counted.entries()) {
    assert.equal(tally.requests - tally.ok, 0, `${CLIENTS[i]}: ${JSON.stringify(tally)}`);
    // A third of what was due: the machine may be busy, and the test must still have tested something.
    assert.ok(tally.requests > (seconds * RATE) / 3, `${CLIENTS[i]}: only ${tally.requests} requests in ${seconds} s`);
  }
}

/** What the proxies on both sides logged of requests that were not answered well. */
async function loggedFailures(ns: string): Promise<string> {
  const names = (await kubectl(["-n", ns, "get", "pods", "-o", "name"])).trim().split("\n");
  const logs = await Promise.all(
    names.map(async (name) => {
      const log = await kubectl(["-n", ns, "logs", name, "-c", "envoy", "--tail=-1"]).catch(String);
      const failures = log.split("\n").filter((line) => /"response_code":(0|[45]\d\d)\b/.test(line));
      return [`${name}: ${failures.length} failures`, ...failures.slice(-20)].join("\n");
    }),
  );
  return logs.join("\n");
}

async function tallies(ns: string): Promise<readonly Tally[]> {
  return await Promise.all(
    CLIENTS.map(async (one) => {
      const { body } = await get(`${ns}/${one}`, `http://127.0.0.1:${LOAD_PORT}/raw`);
      const { calls } = JSON.parse(body) as { readonly calls: { readonly target: Tally } };
      return calls.target;
    }),
  );
}

/** Runs a command of the environment, such as `CLUSTER_STOP_NODE`, as a shell does. */
export async function runHook(command: string, ...args: readonly string[]): Promise<void> {
  await runCommand(["sh", "-c", `${command} ${args.join(" ")}`], { timeout: 120_000 });
}

/** All sidecars are connected to some replica, none to two. @returns how many. */
export async function allConnected(): Promise<number> {
  return await eventually("all proxies are connected", PATIENCE, async () => {
    const selector = ["get", "pods", "-A", "-l", "osm-proxy-uuid", "--field-selector=status.phase=Running"];
    const pods = (await kubectl([...selector, "-o", "name"])).trim().split("\n").length;
    assert.equal(await metricsOfAll("osm_proxy_connect_count"), pods);
    return pods;
  });
}

/** Of namespaces of the mesh that other tests left: while they end, proxies are rightly sent changes. */
export async function untilQuiet(): Promise<void> {
  const selector = ["get", "namespaces", "-l", "openservicemesh.io/monitored-by=osm"];
  const path = ["-o", "jsonpath={.items[?(@.status.phase=='Terminating')].metadata.name}"];
  await eventually("no namespace of the mesh is ending", PATIENCE, async () => {
    assert.equal(await kubectl([...selector, ...path]), "");
  });
}
