/**
 * One HTTP exchange over `node:https`: the one way out that takes a private CA alike under Bun, Deno and in the
 * executable.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { type Agent, request as httpsRequest, type RequestOptions } from "node:https";
import type { Credentials } from "./access.ts";

export interface Exchange {
  readonly credentials: Credentials;
  readonly agent: Agent;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body?: string | undefined;
  /** Ends the exchange and its connection at any time, while the answer is read too. */
  readonly signal: AbortSignal;
}

/**
 * Resolves with the head of the answer; its body is still to be read.
 *
 * @throws Error of the connection, or the signal's reason.
 */
export function exchange({ credentials, agent, signal, ...ask }: Exchange): Promise<IncomingMessage> {
  signal.throwIfAborted();
  const { server, tls, headers, proxy } = credentials;
  const options: RequestOptions = {
    ...tls,
    // URL keeps the brackets of an IPv6 address, sockets want none.
    host: server.hostname.replace(/^\[|\]$/g, ""),
    port: server.port === "" ? undefined : Number(server.port),
    method: ask.method,
    path: `${server.pathname.replace(/\/$/, "")}${ask.path}`,
    headers: { ...headers, ...ask.headers },
  };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request =
    server.protocol === "http:" ? httpRequest(options) : httpsRequest({ ...options, agent: proxy ?? agent });
  const abort = () => {
    const reason = reasonOf(signal);
    reject(reason);
    request.destroy(reason);
  };
  signal.addEventListener("abort", abort, { once: true });
  request.on("response", (response: IncomingMessage) => {
    signal.removeEventListener("abort", abort);
    resolve(endedBy(signal, response));
  });
  request.on("error", (cause) => {
    signal.removeEventListener("abort", abort);
    reject(cause);
  });
  request.end(ask.body);
  return promise;
}

function endedBy(signal: AbortSignal, response: IncomingMessage): IncomingMessage {
  const abort = () => response.destroy(reasonOf(signal));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  response.on("close", () => signal.removeEventListener("abort", abort));
  return response;
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}
