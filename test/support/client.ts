/**
 * A client that tests run inside pods: `bun test/support/client.ts '<JSON of a Task>'` prints the JSON of its result.
 *
 * It uses sockets through `node:` modules, so that it dials as any application does and the sidecar takes over.
 *
 * @module
 */
import { Agent, request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";

export type Task =
  | {
      readonly kind: "http";
      readonly url: string;
      readonly method?: string;
      readonly headers?: Readonly<Record<string, string>>;
      /** Bytes of body to send. */
      readonly upload?: number;
      /** How many requests, one after the other; 1. */
      readonly count?: number;
      /** Each request on a connection of its own. */
      readonly fresh?: boolean;
    }
  | {
      readonly kind: "load";
      readonly url: string;
      readonly perSecond: number;
      readonly seconds: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      readonly send?: string;
      readonly waitMs?: number;
    }
  | { readonly kind: "ws"; readonly url: string; readonly messages: readonly string[] }
  | {
      readonly kind: "grpc";
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly message: string;
    };

/** `status` 0: no answer; then `error` has the system's code, such as ECONNREFUSED. */
export interface HttpResult {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The first 4 KiB. */
  readonly body: string;
  readonly bytes: number;
  readonly ms: number;
  readonly error?: string;
}

export interface LoadResult {
  readonly requests: number;
  /** By status, or by error code. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** When the first ones that were not 200 happened, in ms since the start. */
  readonly failures: readonly { readonly at: number; readonly outcome: string; readonly body: string }[];
}

export interface TcpResult {
  readonly data: string;
  /** When the first byte came; -1 for never. */
  readonly firstByteMs: number;
  /** How it ended: `end`, `waited`, or an error code. */
  readonly ended: string;
}

interface HttpOptions {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly upload?: number | undefined;
  readonly agent?: Agent | false;
}

function http(url: string, options: HttpOptions): Promise<HttpResult> {
  const started = performance.now();
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) =>
      resolve({
        status: 0,
        headers: {},
        body: "",
        bytes: 0,
        ms: performance.now() - started,
        error: error.code ?? error.message,
      });
    const call = request(
      url,
      { method: options.method ?? "GET", headers: { ...options.headers }, agent: options.agent ?? false },
      (answer) => {
        let bytes = 0;
        const first: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => {
          if (bytes < 4096) first.push(chunk);
          bytes += chunk.length;
        });
        answer.on("error", failed);
        answer.on("end", () => {
          const headers = Object.fromEntries(
            Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
          );
          const body = Buffer.concat(first).toString("utf8").slice(0, 4096);
          resolve({ status: answer.statusCode ?? 0, headers, body, bytes, ms: performance.now() - started });
        });
      },
    );
    call.on("error", failed);
    call.setTimeout(120_000, () => call.destroy(Object.assign(new Error("no answer in 120 s"), { code: "TIMEOUT" })));
    void sendBody(call, options.upload ?? 0).catch(failed);
  });
}

async function sendBody(call: ReturnType<typeof request>, size: number): Promise<void> {
  const chunk = Buffer.alloc(64 * 1024, "x");
  for (let left = size; left > 0; left -= chunk.length) {
    const more = call.write(left < chunk.length ? chunk.subarray(0, left) : chunk);
    if (!more) await new Promise((resolve) => call.once("drain", resolve));
  }
  call.end();
}

async function httpTask(task: Extract<Task, { kind: "http" }>): Promise<readonly HttpResult[]> {
  const agent = task.fresh ? false : new Agent({ keepAlive: true });
  const results: HttpResult[] = [];
  for (let i = 0; i < (task.count ?? 1); i++) {
    results.push(await http(task.url, { method: task.method, headers: task.headers, upload: task.upload, agent }));
  }
  if (agent) agent.destroy();
  return results;
}

/** Open loop: requests start on schedule, whether earlier ones were answered or not. */
async function load(task: Extract<Task, { kind: "load" }>): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const outcomes: Record<string, number> = {};
  const failures: { at: number; outcome: string; body: string }[] = [];
  const started = performance.now();
  const total = Math.round(task.perSecond * task.seconds);
  const pending: Promise<void>[] = [];
  for (let i = 0; i < total; i++) {
    const due = started + (i * 1000) / task.perSecond;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    pending.push(
      http(task.url, { headers: task.headers, agent }).then((result) => {
        const outcome = result.error ?? String(result.status);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        if (result.status !== 200 && failures.length < 20) {
          failures.push({ at: Math.round(performance.now() - started), outcome, body: result.body.slice(0, 200) });
        }
      }),
    );
  }
  await Promise.all(pending);
  agent.destroy();
  return { requests: total, outcomes, failures };
}

function tcp(task: Extract<Task, { kind: "tcp" }>): Promise<TcpResult> {
  const started = performance.now();
  return new Promise((resolve) => {
    let data = "";
    let firstByteMs = -1;
    const socket = connect(task.port, task.host);
    const finish = (ended: string) => {
      socket.destroy();
      resolve({ data, firstByteMs, ended });
    };
    socket.on("connect", () => task.send !== undefined && socket.write(task.send));
    socket.on("data", (chunk) => {
      if (firstByteMs < 0) firstByteMs = performance.now() - started;
      data += chunk.toString("utf8");
    });
    socket.on("end", () => finish("end"));
    socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    setTimeout(() => finish("waited"), task.waitMs ?? 1000);
  });
}

function ws({
  url,
  messages,
}: Extract<Task, { kind: "ws" }>): Promise<{ readonly received: readonly string[]; readonly error?: string }> {
  return new Promise((resolve) => {
    const received: string[] = [];
    const socket = new WebSocket(url);
    const finish = (error?: string) => {
      socket.close();
      resolve(error === undefined ? { received } : { received, error });
    };
    socket.onopen = () => {
      for (const message of messages) socket.send(message);
    };
    socket.onmessage = ({ data }) => {
      received.push(String(data));
      if (received.length === messages.length) finish();
    };
    socket.onerror = () => finish("error");
    setTimeout(() => finish("no echo in 10 s"), 10_000);
  });
}

/** One unary call over cleartext HTTP/2, framed by hand: gRPC's five bytes of prefix, then the message. */
function grpc(task: Extract<Task, { kind: "grpc" }>): Promise<{
  readonly status: number;
  readonly grpcStatus: string;
  readonly message: string;
  readonly error?: string;
}> {
  return new Promise((resolve) => {
    const session = connectHttp2(`http://${task.host}:${task.port}`);
    let status = 0;
    let grpcStatus = "";
    const chunks: Buffer[] = [];
    const finish = (error?: string) => {
      session.destroy();
      const message = Buffer.concat(chunks).subarray(5).toString("utf8");
      resolve({ status, grpcStatus, message, ...(error === undefined ? {} : { error }) });
    };
    session.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    const stream = session.request({
      ":method": "POST",
      ":path": task.path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("response", (headers) => {
      status = Number(headers[":status"]);
      grpcStatus = String(headers["grpc-status"] ?? "");
    });
    stream.on("trailers", (trailers) => {
      grpcStatus = String(trailers["grpc-status"] ?? grpcStatus);
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => finish());
    stream.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    const body = Buffer.from(task.message, "utf8");
    const frame = Buffer.alloc(5 + body.length);
    frame.writeUInt32BE(body.length, 1);
    body.copy(frame, 5);
    stream.end(frame);
    setTimeout(() => finish("no answer in 10 s"), 10_000);
  });
}

function perform(task: Task): Promise<unknown> {
  switch (task.kind) {
    case "http":
      return httpTask(task);
    case "load":
      return load(task);
    case "tcp":
      return tcp(task);
    case "ws":
      return ws(task);
    case "grpc":
      return grpc(task);
  }
}

if (import.meta.main) {
  const result = await perform(JSON.parse(process.argv[2] ?? "{}") as Task);
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}
