/**
 * One request to Vault at a time of need: JSON in, JSON or text out, nothing followed, everything bounded.
 *
 * @module
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Millis } from "../../core/base/millis.ts";
import type { Redacted } from "../../core/base/redacted.ts";
import { ProviderUnavailable } from "./unavailable.ts";

const TIMEOUT: Millis = 10_000;
/** A leaf with its chain is a few kilobytes. */
const MAX_BYTES = 1_048_576;

export interface VaultAddress {
  readonly protocol: "http" | "https";
  readonly host: string;
  readonly port: number;
  /**
   * PEM: whom to trust as Vault's server; undefined: what the runtime trusts. A function is asked before the first call,
   * and again after each time that a server was not trusted: what it names may have been replaced.
   */
  readonly ca?: string | (() => Promise<string | undefined>) | undefined;
  /** Of Vault Enterprise and OpenBao, such as `team`. */
  readonly namespace?: string | undefined;
}

export interface VaultCall {
  /** GET if there is no body. */
  readonly body?: unknown;
  /** Without `/v1/`, such as `pki/sign/mesh`. */
  readonly path: string;
  readonly token?: Redacted<string>;
}

export interface VaultAnswer {
  readonly status: number;
  readonly text: string;
  /** undefined if the text is not JSON. */
  readonly json: unknown;
}

export interface VaultHttp {
  /** For messages: `Vault at https://vault:8200`. */
  readonly what: string;
  /** Whatever the status. Rejects with `ProviderUnavailable` where there was no whole answer, and as `ca` does. */
  call(call: VaultCall): Promise<VaultAnswer>;
  close(): void;
}

export function createVaultHttp(address: VaultAddress, timeout: Millis = TIMEOUT): VaultHttp {
  const { protocol, host, port, namespace } = address;
  const secure = protocol === "https";
  // Sockets are kept by what they were opened with, so none is used for another `ca`.
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxFreeSockets: 4 });
  const send = secure ? httpsRequest : httpRequest;
  const what = `Vault at ${protocol}://${host}:${port}`;
  let trusted: { readonly ca: string | undefined } | undefined;

  async function call(asked: VaultCall): Promise<VaultAnswer> {
    trusted ??= { ca: await trustOf(address) };
    const { ca } = trusted;
    try {
      return await exchange(asked, ca);
    } catch (cause) {
      if (cause instanceof ProviderUnavailable && cause.kind === "untrusted") trusted = undefined;
      throw cause;
    }
  }

  function exchange({ body, path, token }: VaultCall, ca: string | undefined): Promise<VaultAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      accept: "application/json",
      "x-vault-request": "true",
      ...(token !== undefined && { "x-vault-token": token.reveal() }),
      ...(namespace !== undefined && { "x-vault-namespace": namespace }),
      ...(text !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
    };
    const method = text === undefined ? "GET" : "POST";
    const options = { host, port, method, path: `/v1/${path}`, headers, agent, ...(ca !== undefined && { ca }) };
    return new Promise<VaultAnswer>((resolve, reject) => {
      const request = send(options, (response) => {
        readAll(response).then(resolve, reject);
      });
      // Rejected here: not every runtime tells a request's listeners that it was destroyed.
      const timer = setTimeout(() => {
        reject(new Error(`no answer within ${timeout} ms`));
        request.destroy();
      }, timeout);
      request.on("close", () => clearTimeout(timer));
      request.on("error", reject);
      request.end(text);
    }).catch((cause: unknown) => Promise.reject(toUnavailable(what, cause)));
  }

  return { what, call, close: () => agent.destroy() };
}

async function trustOf({ protocol, ca }: VaultAddress): Promise<string | undefined> {
  if (protocol === "http") return undefined;
  return typeof ca === "function" ? await ca() : ca;
}

async function readAll(response: IncomingMessage): Promise<VaultAnswer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    const chunk = Buffer.from(part);
    bytes += chunk.length;
    if (bytes > MAX_BYTES) {
      response.destroy();
      throw new Error(`its answer is longer than ${MAX_BYTES} bytes`);
    }
    parts.push(chunk);
  }
  const text = Buffer.concat(parts).toString("utf8");
  return { status: response.statusCode ?? 0, text, json: jsonOf(text) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the runtimes say when they do not believe a server's certificate: Bun and Node by code, Deno in words. */
const UNTRUSTED =
  /SELF_SIGNED|UNABLE_TO_|CERT_|ALTNAME|invalid peer certificate|self[- ]signed certificate|unable to (?:get|verify)/i;

function toUnavailable(provider: string, cause: unknown): ProviderUnavailable {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const code = "code" in error ? String(error.code) : "";
  const detail = error.message === "" ? code : error.message;
  if (UNTRUSTED.test(`${code} ${error.message}`)) {
    const wayOut =
      "give the authority of its certificate (ca.crt of the token's Secret, or --vault-ca-file), and the name that stands in it (--vault-host)";
    return new ProviderUnavailable({ provider, kind: "untrusted", detail, wayOut }, { cause });
  }
  const wayOut = "check that it runs and can be reached from here, and --vault-protocol, --vault-host, --vault-port";
  return new ProviderUnavailable({ provider, kind: "unreachable", detail, wayOut }, { cause });
}
