/**
 * HTTP requests as any application sends them: one after the other, or at a steady rate.
 *
 * @module
 */
import { Agent, request } from "node:http";
import type { Millis } from "../../core/base/millis.ts";

export interface HttpTask {
  readonly url: string;
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Bytes of body to send. */
  readonly upload?: number | undefined;
  /** How many requests, one after the other; 1. */
  readonly count?: number | undefined;
  /** Each request on a connection of its own. */
  readonly fresh?: boolean | undefined;
}

/** `status` 0: no answer; then `error` has the system's code, such as ECONNREFUSED. */
export interface HttpResult {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The first 4 KiB. */
  readonly body: string;
  readonly bytes: number;
  readonly ms: Millis;
  readonly error?: string;
}

export interface LoadTask {
  readonly url: string;
  readonly perSecond: number;
  readonly seconds: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface LoadResult {
  readonly requests: number;
  /** By status, or by error code. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** When the first ones that were not 200 happened, in ms since the start. */
  readonly failures: readonly { readonly at: Millis; readonly outcome: string; readonly body: string }[];
}

const BODY_LIMIT = 4096;
const PATIENCE: Millis = 120_000;
const UPLOAD_CHUNK = 64 * 1024;
const MAX_SOCKETS = 64;
const MAX_FAILURES = 20;

/** Sends the requests of `task` one after the other. Never rejects. */
export async function performHttp(task: HttpTask): Promise<readonly HttpResult[]> {
  const agent = task.fresh === true ? false : new Agent({ keepAlive: true });
  const results: HttpResult[] = [];
  for (let i = 0; i < (task.count ?? 1); i++) results.push(await send(task, agent));
  if (agent !== false) agent.destroy();
  return results;
}

/** Open loop: requests start on schedule, whether earlier ones were answered or not. Never rejects. */
export async function performLoad(task: LoadTask): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  const outcomes: Record<string, number> = {};
  const failures: { at: Millis; outcome: string; body: string }[] = [];
  const started = performance.now();
  const total = Math.round(task.perSecond * task.seconds);
  const pending: Promise<void>[] = [];
  for (let i = 0; i < total; i++) {
    const wait = started + (i * 1000) / task.perSecond - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    pending.push(
      send({ url: task.url, headers: task.headers }, agent).then(({ status, error, body }) => {
        const outcome = error ?? String(status);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        if (status !== 200 && failures.length < MAX_FAILURES)
          failures.push({ at: Math.round(performance.now() - started), outcome, body: body.slice(0, 200) });
      }),
    );
  }
  await Promise.all(pending);
  agent.destroy();
  return { requests: total, outcomes, failures };
}

function send({ url, method = "GET", headers = {}, upload = 0 }: HttpTask, agent: Agent | false): Promise<HttpResult> {
  const started = performance.now();
  const { promise, resolve } = Promise.withResolvers<HttpResult>();
  const fail = (error: NodeJS.ErrnoException): void => {
    const ms = performance.now() - started;
    resolve({ status: 0, headers: {}, body: "", bytes: 0, ms, error: error.code ?? error.message });
  };
  const call = request(url, { method, headers: { ...headers }, agent }, (answer) => {
    let bytes = 0;
    const first: Buffer[] = [];
    answer.on("data", (chunk: Buffer) => {
      if (bytes < BODY_LIMIT) first.push(chunk);
      bytes += chunk.length;
    });
    answer.on("error", fail);
    answer.on("end", () => {
      const received = Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, String(value)]));
      const body = Buffer.concat(first).toString("utf8").slice(0, BODY_LIMIT);
      resolve({ status: answer.statusCode ?? 0, headers: received, body, bytes, ms: performance.now() - started });
    });
  });
  call.on("error", fail);
  call.setTimeout(PATIENCE, () =>
    call.destroy(Object.assign(new Error(`no answer in ${PATIENCE} ms`), { code: "TIMEOUT" })),
  );
  void sendBody(call, upload).catch(fail);
  return promise;
}

async function sendBody(call: ReturnType<typeof request>, size: number): Promise<void> {
  const chunk = Buffer.alloc(UPLOAD_CHUNK, "x");
  for (let left = size; left > 0; left -= chunk.length) {
    const more = call.write(left < chunk.length ? chunk.subarray(0, left) : chunk);
    if (!more) await new Promise((resolve) => call.once("drain", resolve));
  }
  call.end();
}
