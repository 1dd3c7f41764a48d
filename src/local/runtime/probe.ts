/**
 * Performs probes as a kubelet does: from the machine to the pod's address, or as a command in the pod.
 *
 * @module
 */
import * as http from "node:http";
import * as https from "node:https";
import { connect } from "node:net";
import type { Millis } from "../../core/base/millis.ts";
import { checkHealth } from "./grpc-health.ts";
import type { ProbeAction, ProbeResult, ProcessOptions, RunningProcess } from "./ports.ts";

interface ProbedPod {
  readonly ip: string;
  run(options: Omit<ProcessOptions, "log">): RunningProcess;
}

/** Never rejects. A probe that has no answer after `timeout` is a failed one. */
export async function probePod(pod: ProbedPod, action: ProbeAction, timeout: Millis): Promise<ProbeResult> {
  const aborted = AbortSignal.timeout(timeout);
  const late = new Promise<ProbeResult>((resolve) => {
    aborted.addEventListener("abort", () => resolve({ ok: false, detail: `no answer within ${timeout} ms` }), {
      once: true,
    });
  });
  const answer = perform(pod, action, aborted).catch(
    (error: unknown): ProbeResult => ({ ok: false, detail: toDetail(error) }),
  );
  return await Promise.race([answer, late]);
}

function perform(pod: ProbedPod, action: ProbeAction, aborted: AbortSignal): Promise<ProbeResult> {
  switch (action.kind) {
    case "http":
    case "https":
      return probeHttp(pod.ip, action, aborted);
    case "tcp":
      return probeTcp(action.host ?? pod.ip, action.port, aborted);
    case "grpc":
      return checkHealth({ host: pod.ip, port: action.port, service: action.service ?? "" }, aborted);
    case "exec":
      return probeExec(pod.run(action.process), aborted);
  }
}

type HttpAction = Extract<ProbeAction, { kind: "http" | "https" }>;

/** 200 to 399 is a success, as a kubelet counts; a redirect is not followed. The certificate is not checked. */
function probeHttp(ip: string, action: HttpAction, signal: AbortSignal): Promise<ProbeResult> {
  const headers: Record<string, string> = { "user-agent": "kube-probe/osm-local", accept: "*/*", connection: "close" };
  for (const { name, value } of action.headers ?? []) headers[name.toLowerCase()] = value;
  const options = {
    host: action.host ?? ip,
    port: action.port,
    path: action.path,
    headers,
    agent: false,
    signal,
  } as const;
  return new Promise((resolve, reject) => {
    const answered = (response: http.IncomingMessage): void => {
      const status = response.statusCode ?? 0;
      response.destroy();
      resolve({ ok: status >= 200 && status < 400, detail: `HTTP ${status}` });
    };
    const request =
      action.kind === "http"
        ? http.get(options, answered)
        : https.get({ ...options, rejectUnauthorized: false }, answered);
    request.on("error", reject);
  });
}

function probeTcp(host: string, port: number, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    signal.addEventListener("abort", () => socket.destroy(), { once: true });
    socket.once("connect", () => {
      socket.destroy();
      resolve({ ok: true, detail: "connected" });
    });
    socket.on("error", reject);
  });
}

async function probeExec(running: RunningProcess, signal: AbortSignal): Promise<ProbeResult> {
  // `stop` never rejects.
  signal.addEventListener("abort", () => void running.stop(0), { once: true });
  const exit = await running.exited;
  return { ok: exit.code === 0, detail: exit.code === null ? `ended by ${exit.signal}` : `exit code ${exit.code}` };
}

function toDetail(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ECONNREFUSED" || code === "ConnectionRefused") return "connection refused";
  return error instanceof Error ? error.message : String(error);
}
