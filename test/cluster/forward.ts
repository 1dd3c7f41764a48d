/**
 * Ways from this machine into the cluster, through kubectl.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";

const FORWARD_PATIENCE = 20_000;

/** A local port that leads to one of a pod. */
export interface Forward {
  readonly port: number;
  close(): void;
}

/**
 * Connections that are reset on their way may end it, or leave it hanging: what resets goes through `openApiServer`.
 *
 * @param target - Such as `deployment/osm-controller`.
 * @throws Error with what kubectl said if there is no way.
 */
export async function forward(namespace: string, target: string, port: number): Promise<Forward> {
  return await open(["-n", namespace, "port-forward", target, `:${port}`, "--address=127.0.0.1"]);
}

/** A local port where the API server answers without credentials of the caller's. */
export async function openApiServer(): Promise<Forward> {
  return await open(["proxy", "--port=0"]);
}

async function open(args: readonly string[]): Promise<Forward> {
  const child = spawn("kubectl", args);
  try {
    return { port: await localPort(child), close: () => void child.kill() };
  } catch (cause) {
    child.kill();
    throw new Error(`no way by kubectl ${args.join(" ")}`, { cause });
  }
}

function localPort(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let said = "";
  const hear = (chunk: Buffer) => {
    said += chunk.toString("utf8");
    const found = /(?:Forwarding from|Starting to serve on) 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
    if (found !== undefined) resolve(Number(found));
  };
  child.stdout?.on("data", hear);
  child.stderr?.on("data", hear);
  child.once("error", reject);
  child.once("exit", (code) => reject(new Error(`kubectl ended with ${code}: ${said}`)));
  const timer = setTimeout(() => reject(new Error(`nothing but "${said}"`)), FORWARD_PATIENCE);
  return promise.finally(() => clearTimeout(timer));
}
