/**
 * Calls to the API server: JSON in and out, and streams of lines.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { Agent } from "node:https";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { Millis } from "../../core/base/millis.ts";
import type { ApiAccess, Credentials } from "./access.ts";
import { hasStatus, KubernetesError, readStatus } from "./kubernetes-error.ts";
import { splitLines } from "./lines.ts";
import { exchange } from "./transport.ts";

/** Long enough for the webhooks that a write may wait for (30 s at most, each), short enough to notice a dead server. */
const REQUEST_TIMEOUT: Millis = 35_000;
const USER_AGENT = "osm";

export interface ApiRequest {
  /** GET if absent. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Such as `/api/v1/namespaces/shop/secrets/key`; names in it are encoded by the caller. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of the body. For a PATCH it says what kind of patch; `application/merge-patch+json` if absent. */
  readonly contentType?: string;
  /** Of the answer; `application/json` if absent. */
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** Until the whole answer was read; of `lines`, until its head was. */
  readonly timeout?: Millis;
}

/** Both reject with `KubernetesError`, or with the signal's reason once it was aborted. */
export interface KubernetesClient {
  /** The answer's JSON. */
  request(request: ApiRequest): Promise<unknown>;
  /** Resolves once the server began to answer well; gives each line then. Ends, or throws, when the connection does. */
  lines(request: ApiRequest): Promise<AsyncGenerator<string>>;
  /** Closes idle connections. Requests under way end by their own signal. */
  close(): void;
}

export function createClient(access: ApiAccess): KubernetesClient {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 4 });

  async function open(request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      return await once(request, signal);
    } catch (cause) {
      // A token that expired between two reads of its file, or a plugin's that was withdrawn.
      if (!hasStatus(cause, 401)) throw cause;
      await access.renew();
      return once(request, signal);
    }
  }

  async function once(request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const { method = "GET", body } = request;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await exchange({
      credentials: await credentialsFor(access, request),
      agent,
      method,
      path: `${request.path}${queryText(request.query)}`,
      headers: headersOf(request, text),
      body: text,
      signal,
    });
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw await refusalOf(request, response);
    return response;
  }

  return {
    async request(request) {
      const deadline = startDeadline(request);
      try {
        const response = await open(request, deadline.signal);
        return parseJson(await readText(response), request);
      } catch (cause) {
        throw toError(cause, request);
      } finally {
        deadline.end();
      }
    },
    async lines(request) {
      const deadline = startDeadline(request);
      try {
        const response = await open(request, deadline.signal);
        deadline.stopClock();
        response.on("close", () => deadline.end());
        return splitLines(response);
      } catch (cause) {
        deadline.end();
        throw toError(cause, request);
      }
    },
    close: () => agent.destroy(),
  };
}

interface Deadline {
  readonly signal: AbortSignal;
  /** The time is no longer limited; the caller's signal still counts. */
  stopClock(): void;
  end(): void;
}

function startDeadline({ timeout = REQUEST_TIMEOUT, signal: outer }: ApiRequest): Deadline {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(new Error(`nothing within ${timeout} ms`)), timeout);
  const forward = () => own.abort(outer?.reason);
  if (outer?.aborted === true) forward();
  outer?.addEventListener("abort", forward, { once: true });
  const stopClock = () => clearTimeout(timer);
  return {
    signal: own.signal,
    stopClock,
    end() {
      stopClock();
      outer?.removeEventListener("abort", forward);
    },
  };
}

async function credentialsFor(access: ApiAccess, request: ApiRequest): Promise<Credentials> {
  try {
    return await access.credentials();
  } catch (cause) {
    throw noAnswer(request, `no credentials: ${messageOf(cause)}`, cause);
  }
}

function headersOf(
  { method, contentType, accept }: ApiRequest,
  body: string | undefined,
): Record<string, string | number> {
  const type = contentType ?? (method === "PATCH" ? "application/merge-patch+json" : "application/json");
  return {
    accept: accept ?? "application/json",
    // The server compresses lists of more than 128 kB, and no watch.
    "accept-encoding": "gzip",
    "user-agent": USER_AGENT,
    ...(body === undefined ? {} : { "content-type": type, "content-length": Buffer.byteLength(body) }),
  };
}

function queryText(query: ApiRequest["query"] = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

const GZIP = [0x1f, 0x8b];

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  // By its first bytes, not by its header: some runtimes decompress and leave the header. JSON begins with neither.
  const packed = GZIP.every((byte, i) => bytes[i] === byte);
  return (packed ? await promisify(gunzip)(bytes) : bytes).toString("utf8");
}

function parseJson(text: string, request: ApiRequest): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw noAnswer(request, `the answer is no JSON: it ends after ${text.length} characters`, cause);
  }
}

async function refusalOf({ method = "GET", path }: ApiRequest, response: IncomingMessage): Promise<KubernetesError> {
  const status = response.statusCode ?? 0;
  const text = await readText(response).catch(() => "");
  const { reason, detail, retryAfter } = readStatus(tryJson(text));
  const header = Number(response.headers["retry-after"]) * 1000;
  const wait = header > 0 ? header : retryAfter;
  return new KubernetesError({
    method,
    path,
    status,
    reason,
    detail,
    ...(wait === undefined ? {} : { retryAfter: wait }),
  });
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.slice(0, 200) };
  }
}

function toError(cause: unknown, request: ApiRequest): unknown {
  if (cause instanceof KubernetesError) return cause;
  if (request.signal?.aborted === true) return request.signal.reason;
  return noAnswer(request, messageOf(cause), cause);
}

function noAnswer({ method = "GET", path }: ApiRequest, detail: string, cause: unknown): KubernetesError {
  return new KubernetesError({ method, path, status: 0, reason: "", detail }, { cause });
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Errors of several addresses tried at once have a code and no message.
  const code = "code" in cause ? String(cause.code) : "the connection broke";
  return cause.message === "" ? code : cause.message;
}
