/**
 * One task for a client inside a pod: JSON in, JSON out. The pod's sidecar takes over its connections.
 *
 * Tests run it through `osm demo app perform`: an image of one program has no shell and no curl.
 *
 * @module
 */
import * as v from "valibot";
import { callGrpc, type GrpcReply } from "../apps/grpc-echo.ts";
import { type HttpResult, type LoadResult, performHttp, performLoad } from "./http-task.ts";
import { performTcp, performWebSocket, type TcpResult, type WebSocketResult } from "./socket-tasks.ts";

const Port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));
const Headers = v.record(v.string(), v.string());
const Positive = v.pipe(v.number(), v.gtValue(0));

const TaskSchema = v.variant("kind", [
  v.strictObject({
    kind: v.literal("http"),
    url: v.string(),
    method: v.exactOptional(v.string()),
    headers: v.exactOptional(Headers),
    upload: v.exactOptional(v.number()),
    count: v.exactOptional(v.number()),
    fresh: v.exactOptional(v.boolean()),
  }),
  v.strictObject({
    kind: v.literal("load"),
    url: v.string(),
    perSecond: Positive,
    seconds: Positive,
    headers: v.exactOptional(Headers),
  }),
  v.strictObject({
    kind: v.literal("tcp"),
    host: v.string(),
    port: Port,
    send: v.exactOptional(v.string()),
    waitMs: v.exactOptional(v.number()),
    count: v.exactOptional(v.number()),
  }),
  v.strictObject({ kind: v.literal("ws"), url: v.string(), messages: v.pipe(v.array(v.string()), v.readonly()) }),
  v.strictObject({
    kind: v.literal("grpc"),
    host: v.string(),
    port: Port,
    path: v.string(),
    message: v.string(),
    /** Speak TLS, and accept a certificate of this root (PEM). */
    trust: v.exactOptional(v.string()),
  }),
]);
export type Task = Readonly<v.InferOutput<typeof TaskSchema>>;
export type TaskKind = Task["kind"];
/** A task without its kind, for callers whose own name says that. */
export type TaskOf<K extends TaskKind> = Omit<Extract<Task, { readonly kind: K }>, "kind">;

/** What `perform` gives for each kind. */
export interface TaskResults {
  readonly http: readonly HttpResult[];
  readonly load: LoadResult;
  readonly tcp: TcpResult;
  readonly ws: WebSocketResult;
  readonly grpc: GrpcReply;
}

/** Never rejects: whatever goes wrong is the result. */
export function perform(task: Task): Promise<TaskResults[TaskKind]> {
  switch (task.kind) {
    case "http":
      return performHttp(task);
    case "load":
      return performLoad(task);
    case "tcp":
      return performTcp(task);
    case "ws":
      return performWebSocket(task);
    case "grpc":
      return performGrpc(task);
  }
}

function performGrpc({ host, port, path, message, trust }: TaskOf<"grpc">): Promise<GrpcReply> {
  return callGrpc(`${trust === undefined ? "http" : "https"}://${host}:${port}`, path, message, { trust });
}

/** @throws Error if `text` is no task, with what is wrong. */
export function parseTask(text: string): Task {
  const parsed = v.safeParse(TaskSchema, JSON.parse(text));
  if (parsed.success) return parsed.output;
  const [first] = parsed.issues;
  throw new Error(`no task: ${v.getDotPath(first) ?? "it"}: ${first.message}`);
}
