/**
 * Bodies of requests, read within bounds of size, time and depth (design 7). For every route that takes one.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { jsonDepth } from "./json-depth.ts";

/** What etcd takes, and with it an API server, doubled: no object is larger. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** No object of Kubernetes comes near; a parser's stack must not meet its end. */
const MAX_DEPTH = 128;

/** `status`: the HTTP status to answer with. */
export interface BadBody {
  readonly ok: false;
  readonly status: 400 | 408 | 413 | 415;
  readonly reason: string;
}

export interface BodyLimits {
  readonly maxBytes?: number;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/** Never throws. What is not read is cancelled. */
export async function readJson(
  request: Request,
  limits: BodyLimits,
): Promise<{ readonly ok: true; readonly value: unknown } | BadBody> {
  if (!isJson(request.headers.get("content-type")))
    return bad(415, "the body must be JSON, with content type application/json");
  const read = await readBytes(request, limits);
  return read.ok ? parse(read.bytes) : read;
}

function isJson(contentType: string | null): boolean {
  return (contentType ?? "").split(";")[0]?.trim().toLowerCase() === "application/json";
}

async function readBytes(
  { headers, body }: Request,
  { maxBytes = MAX_BODY_BYTES, signal }: BodyLimits,
): Promise<{ readonly ok: true; readonly bytes: Uint8Array } | BadBody> {
  if (body === null) return bad(400, "there is no body");
  const reader = body.getReader();
  try {
    const announced = Number(headers.get("content-length") ?? 0);
    const bytes = announced > maxBytes ? undefined : await collect(reader, maxBytes, signal);
    if (bytes === undefined) return bad(413, `the body is larger than ${maxBytes} bytes`);
    return bytes.byteLength === 0 ? bad(400, "there is no body") : { ok: true, bytes };
  } catch {
    return signal.aborted ? bad(408, "the body did not come in time") : bad(400, "the body ended before its end");
  } finally {
    // Whoever sends for ever is not listened to: the cancellation itself is not waited for either.
    reader.cancel().catch(ignore);
  }
}

/** @returns undefined as soon as there is too much. */
async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await beforeAbort(reader.read(), signal);
    if (done) return joined(chunks, size);
    size += value.byteLength;
    if (size > maxBytes) return undefined;
    chunks.push(value);
  }
}

/** @throws The signal's reason. `work` goes on unheard. */
export function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** A signal that gives up after `span`, and how to forget it before. */
export function deadline(span: Millis): { readonly signal: AbortSignal; readonly clear: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${span / 1000} s`)), span);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}

function parse(bytes: Uint8Array): { readonly ok: true; readonly value: unknown } | BadBody {
  if (jsonDepth(bytes) > MAX_DEPTH) return bad(400, `the body is nested deeper than ${MAX_DEPTH} lists and maps`);
  try {
    return { ok: true, value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
  } catch {
    return bad(400, "the body is not JSON");
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

function bad(status: BadBody["status"], reason: string): BadBody {
  return { ok: false, status, reason };
}

function ignore(): void {}
