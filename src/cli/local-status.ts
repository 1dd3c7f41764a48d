/**
 * `osm local status`: pods, services, control plane and what is wrong.
 *
 * @module
 */
import { Command } from "commander";
import { meshClient } from "../local/cluster/api-client.ts";
import { findHostPid } from "../local/cluster/host-pid.ts";
import { type StatePaths, statePaths } from "../local/cluster/state-dir.ts";
import type { MeshStatus, PodStatus } from "../local/cluster/status.ts";
import { readLauncher } from "../local/runtime/launcher-record.ts";
import { type MeshFlags, meshNameOption } from "./mesh-name.ts";
import { ageText, tableLines } from "./table.ts";

interface StatusFlags extends MeshFlags {
  readonly json?: true;
}

export function statusCommand(): Command {
  return new Command("status")
    .description("show pods, services, the control plane, and what is wrong")
    .addOption(meshNameOption())
    .option("--json", "as one JSON object")
    .action(async ({ name, json }: StatusFlags) => {
      const status = await readStatus(statePaths(name));
      console.log(json === true ? JSON.stringify(status, undefined, 2) : statusLines(status, Date.now()).join("\n"));
    });
}

/** The mesh's own answer, with process ids as the host counts them. */
async function readStatus(paths: StatePaths): Promise<MeshStatus> {
  const status = await meshClient(paths).status();
  const { pid: inner, ...rest } = status.controlPlane;
  const init = readLauncher(paths.dir)?.init?.pid;
  const pid = inner === undefined || init === undefined ? undefined : findHostPid(inner, init);
  return { ...status, controlPlane: { ...rest, ...(pid === undefined ? {} : { pid }) } };
}

export function statusLines(
  { directory, controlPlane, pods, services, findings }: MeshStatus,
  now: number,
): readonly string[] {
  const { mode, pid, restarts, connected } = controlPlane;
  const process = pid === undefined ? "down" : `process ${pid}`;
  const again = restarts === 0 ? "" : `, restarted ${restarts} times`;
  const meshed = pods.filter(({ proxy }) => proxy !== undefined).length;
  return [
    `directory      ${directory}`,
    `control plane  ${mode}, ${process}${again}; ${connected} of ${meshed} proxies connected`,
    "",
    ...tableLines(
      ["NAMESPACE", "POD", "READY", "STATUS", "RESTARTS", "IP", "SIDECAR", "AGE"],
      pods.map((pod) => podRow(pod, now)),
    ),
    "",
    ...tableLines(
      ["NAMESPACE", "SERVICE", "CLUSTER-IP", "PORTS", "ENDPOINTS"],
      services.map((one) => [
        one.namespace,
        one.name,
        one.clusterIp ?? "None",
        one.ports.join(","),
        String(one.endpoints),
      ]),
    ),
    ...(findings.length === 0 ? [] : ["", ...findings.map(({ text }) => text)]),
  ];
}

function podRow(
  { namespace, name, containers, phase, terminating, message, restarts, ip, proxy, createdAt }: PodStatus,
  now: number,
): readonly string[] {
  const running = containers.filter(({ kind }) => kind !== "init");
  const state = terminating ? "Terminating" : message === "" ? phase : `${phase}: ${message}`;
  const sidecar =
    proxy === undefined ? "-" : proxy.connected ? (proxy.inSync ? "in sync" : "connected") : "not connected";
  const ready = `${running.filter((one) => one.ready).length}/${running.length}`;
  return [namespace, name, ready, state, String(restarts), ip, sidecar, ageText(now - createdAt)];
}
