/**
 * What an operator would look at when pods do not become ready, as one text: printed by the tests whose waiting ended in
 * vain, since nobody can ask a CI machine afterwards.
 *
 * @module
 */
import { CONTROLLER, MESH_NAMESPACE } from "../../deploy/build/names.ts";
import { tryCommand } from "../../src/local/tools/command.ts";
import { forward } from "./forward.ts";

/** Of one answer, in characters: its end, where the news is. */
const MOST = 6000;
const ADMIN_PORT = 15000;
const FIRST_CONFIGURATION = /(control_plane|cluster_manager|listener_manager|osm-controller|init).*: [1-9]/;

/** Never rejects: what cannot be had is named in its place. */
export async function troubleOf(namespace: string): Promise<string> {
  const pods = await unreadyPods(namespace);
  const parts = [
    await said("-n", namespace, "get", "pods", "-o", "wide"),
    ...(await Promise.all(pods.map((name) => podTrouble(namespace, name)))).flat(),
    await said("-n", MESH_NAMESPACE, "get", "pods", "-o", "wide"),
    await said("-n", MESH_NAMESPACE, "logs", `deployment/${CONTROLLER}`, "--tail=60"),
  ];
  return `\n--- why pods of ${namespace} are not ready ---\n${parts.join("\n")}`;
}

async function podTrouble(namespace: string, name: string): Promise<readonly string[]> {
  const logs = ["-n", namespace, "logs", name, "--all-containers", "--prefix", "--tail=30"];
  return [
    await said("-n", namespace, "describe", "pod", name),
    await said(...logs),
    await said(...logs, "--previous"),
    await askedOfProxy(namespace, name),
  ];
}

/** What Envoy waits for, and what it has of its control plane. */
async function askedOfProxy(namespace: string, name: string): Promise<string> {
  try {
    const way = await forward(namespace, `pod/${name}`, ADMIN_PORT);
    try {
      const read = async (path: string) => await (await fetch(`http://127.0.0.1:${way.port}${path}`)).text();
      const statistics = (await read("/stats")).split("\n").filter((line) => FIRST_CONFIGURATION.test(line));
      return `$ envoy of ${name}: /init_dump\n${await read("/init_dump")}\n/stats\n${statistics.join("\n")}\n`;
    } finally {
      way.close();
    }
  } catch (error) {
    return `$ envoy of ${name}: ${error}\n`;
  }
}

async function unreadyPods(namespace: string): Promise<readonly string[]> {
  const ready = `{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}`;
  const { stdout } = await tryCommand(["kubectl", "-n", namespace, "get", "pods", "-o", `jsonpath=${ready}`]);
  return stdout.split("\n").flatMap((line) => {
    const [name = "", state] = line.split(" ");
    return name === "" || state === "True" ? [] : [name];
  });
}

async function said(...args: readonly string[]): Promise<string> {
  const command = ["kubectl", ...args];
  const { stdout, stderr } = await tryCommand(command).catch((error: Error) => ({ stdout: "", stderr: error.message }));
  return `$ ${command.join(" ")}\n${`${stdout}${stderr}`.slice(-MOST)}`;
}
