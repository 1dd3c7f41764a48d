/**
 * Calls the control API of a running mesh.
 *
 * @module
 */
import { request } from "node:http";
import * as v from "valibot";
import { ExecPlan } from "./exec-plan.ts";
import type { StatePaths } from "./state-dir.ts";
import { MeshStatus } from "./status.ts";

const Outcomes = v.object({
  warnings: v.array(v.string()),
  objects: v.array(
    v.object({
      kind: v.string(),
      namespace: v.string(),
      name: v.string(),
      outcome: v.picklist(["created", "configured", "unchanged", "deleted", "restored", "not found"]),
    }),
  ),
});
export type Outcomes = v.InferOutput<typeof Outcomes>;

const LogAnswer = v.object({ path: v.string() });
const Refusal = v.object({ errors: v.array(v.string()) });

/** No mesh answers on the socket. */
export class MeshDown extends Error {
  override readonly name = "MeshDown";
}

/** The mesh refused: one reason a line. */
export class MeshRefused extends Error {
  override readonly name = "MeshRefused";
}

export interface MeshClient {
  status(): Promise<MeshStatus>;
  apply(manifests: string): Promise<Outcomes>;
  delete(manifests: string): Promise<Outcomes>;
  exec(pod: string, container: string | undefined): Promise<ExecPlan>;
  logPath(pod: string, container: string | undefined): Promise<string>;
  /** GETs a port of a pod from the machine's own address. */
  fetch(target: { readonly pod: string; readonly port: number; readonly path: string }): Promise<string>;
  stop(): Promise<void>;
}

/** Every method throws `MeshDown` if nothing runs there and `MeshRefused` if it says no. */
export function meshClient({ socket, dir }: Pick<StatePaths, "socket" | "dir">): MeshClient {
  const call = async (method: string, path: string, body?: string): Promise<string> => {
    const { status, text } = await send({ socketPath: socket, method, path, body: body ?? "" }).catch(
      (cause: unknown) => {
        throw new MeshDown(`no mesh runs in ${dir}: start one with \`osm local up DIR\``, { cause });
      },
    );
    if (status < 300) return text;
    const refusal = v.safeParse(Refusal, parseJson(text));
    throw new MeshRefused(refusal.success ? refusal.output.errors.join("\n") : `the mesh answered ${status}: ${text}`);
  };
  const podQuery = (pod: string, container: string | undefined): string =>
    new URLSearchParams({ pod, ...(container === undefined ? {} : { container }) }).toString();
  return {
    status: async () => v.parse(MeshStatus, parseJson(await call("GET", "/status"))),
    apply: async (manifests) => v.parse(Outcomes, parseJson(await call("POST", "/apply", manifests))),
    delete: async (manifests) => v.parse(Outcomes, parseJson(await call("POST", "/delete", manifests))),
    exec: async (pod, container) =>
      v.parse(ExecPlan, parseJson(await call("GET", `/exec?${podQuery(pod, container)}`))),
    logPath: async (pod, container) =>
      v.parse(LogAnswer, parseJson(await call("GET", `/log?${podQuery(pod, container)}`))).path,
    fetch: ({ pod, port, path }) => call("GET", `/fetch?${new URLSearchParams({ pod, port: String(port), path })}`),
    stop: async () => {
      await call("POST", "/stop");
    },
  };
}

interface Sending {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

function send({
  socketPath,
  method,
  path,
  body,
}: Sending): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-length": String(Buffer.byteLength(body)) };
    const call = request({ socketPath, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    call.on("error", reject);
    call.end(body);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
