/**
 * One HTTP call as a plain client makes it, told as an `Outcome`.
 *
 * On `node:http` and not on `fetch`, since runtimes differ in how `fetch` names a refused connection, and since the
 * `Host` header must be ours to set.
 *
 * @module
 */
import { Agent, type IncomingMessage, request } from "node:http";
import type { Millis } from "../core/base/millis.ts";
import { type Outcome, toSilence } from "./outcome.ts";

export interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeout?: Millis;
  /** Reuses connections. By default every call opens its own, so that it meets the policy as it is now. */
  readonly agent?: Agent;
}

export interface CallResult {
  readonly outcome: Outcome;
  readonly body: string;
}

const DEFAULT_TIMEOUT: Millis = 5_000;

/** Calls `url` (plain HTTP). Never rejects: whatever goes wrong is the outcome. */
export function callHttp(url: string, options: CallOptions = {}): Promise<CallResult> {
  const { method = "GET", headers = {}, body, timeout = DEFAULT_TIMEOUT, agent } = options;
  const { promise, resolve } = Promise.withResolvers<CallResult>();
  const fail = (error: unknown): void => resolve({ outcome: toSilence(error), body: "" });
  const deadline = setTimeout(() => {
    resolve({ outcome: { kind: "silence", why: "timeout", detail: `no answer within ${timeout} ms` }, body: "" });
    outgoing.destroy();
  }, timeout);
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const outgoing = request(url, { method, headers: { ...length, ...headers }, agent: agent ?? false }, (incoming) => {
    readAll(incoming).then((text) => resolve({ outcome: toAnswer(incoming), body: text }), fail);
  });
  outgoing.on("error", fail);
  outgoing.end(body);
  return promise.finally(() => clearTimeout(deadline));
}

/** An agent that keeps up to `size` connections open. */
export function pooled(size: number): Agent {
  return new Agent({ keepAlive: true, maxSockets: size });
}

async function readAll(incoming: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function toAnswer({ statusCode, headers }: IncomingMessage): Outcome {
  const one = (value: string | string[] | undefined): string => (typeof value === "string" ? value : "");
  return {
    kind: "answer",
    status: statusCode ?? 0,
    server: one(headers["server"]),
    identity: one(headers["identity"]),
  };
}
