/**
 * A probe as the manifest writes it → a probe as the machine performs it.
 *
 * @module
 */
import type { ContainerPort } from "../../core/model/port.ts";
import type { ProbeAction } from "../../core/model/probe.ts";
import type { ProbeAction as MachineProbe, ProcessOptions } from "../runtime/ports.ts";

export type ActionReading =
  | { readonly ok: true; readonly value: MachineProbe }
  | { readonly ok: false; readonly reason: string };

/**
 * @param ports - Of the probe's own container: a named port is looked up there, as kubelet does.
 * @param process - Environment, user and folder for an `exec` probe.
 */
export function toProbeAction(
  action: ProbeAction,
  ports: readonly ContainerPort[],
  process: Omit<ProcessOptions, "log" | "argv">,
): ActionReading {
  switch (action.kind) {
    case "exec":
      return { ok: true, value: { kind: "exec", process: { ...process, argv: action.command } } };
    case "grpc":
      return { ok: true, value: { kind: "grpc", port: action.port, service: action.service } };
    case "http":
    case "tcp": {
      const port = numberOf(action.port, ports);
      if (port === undefined) return { ok: false, reason: `no port of the container is named ${action.port}` };
      const host = action.host === "" ? {} : { host: action.host };
      if (action.kind === "tcp") return { ok: true, value: { kind: "tcp", port, ...host } };
      const kind = action.scheme === "HTTPS" ? "https" : "http";
      return { ok: true, value: { kind, port, path: action.path, headers: action.headers, ...host } };
    }
  }
}

function numberOf(port: number | string, ports: readonly ContainerPort[]): number | undefined {
  return typeof port === "number" ? port : ports.find(({ name }) => name === port)?.port;
}
