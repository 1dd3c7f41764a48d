/**
 * Calls the HTTP API of a mesh: of one on this machine through its socket, of a cluster's through an address.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { Option } from "commander";
import * as v from "valibot";
import type { Millis } from "../core/base/millis.ts";
import { MeshDown } from "../local/cluster/api-client.ts";
import { apiDoor, statePaths } from "../local/cluster/state-dir.ts";
import { type MeshFlags, meshNameOption } from "./mesh-name.ts";

export interface ApiFlags extends MeshFlags {
  readonly api?: string;
  readonly tokenFile?: string;
}

/** The API said no; the message is its own. */
export class ApiRefused extends Error {
  override readonly name = "ApiRefused";
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export interface ApiClient {
  /** @returns the JSON of the answer. Throws `MeshDown` if nobody answers, `ApiRefused` if the answer is no. */
  get(path: string): Promise<unknown>;
  text(path: string, accept: string): Promise<string>;
  post(path: string, body: unknown): Promise<unknown>;
}

interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly accept: string;
  readonly body?: string;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const TIMEOUT: Millis = 30_000;
/** A lever may have another authority sign first, and wait for the replica that leads. */
const LEVER_TIMEOUT: Millis = 150_000;
const JSON_TYPE = "application/json";
const Refusal = v.object({ detail: v.string() });

export function apiOptions(): readonly Option[] {
  return [
    meshNameOption(),
    new Option("--api <url>", "of a cluster's control plane, such as http://127.0.0.1:9092 (kubectl port-forward)"),
    new Option("--token-file <file>", "whose token to show there; otherwise $OSM_TOKEN"),
  ];
}

/** Of the mesh that the flags name. */
export function apiClient({ name, api, tokenFile }: ApiFlags): ApiClient {
  const send = api === undefined ? localSender(name) : remoteSender(api, tokenFile);
  const call = async (request: Call): Promise<string> => {
    const { status, text } = await send(request);
    if (status < 300) return text;
    const refusal = v.safeParse(Refusal, parseJson(text));
    throw new ApiRefused(status, refusal.success ? refusal.output.detail : `the API answered ${status}`);
  };
  return {
    get: async (path) => parseJson(await call({ method: "GET", path, accept: JSON_TYPE })),
    text: (path, accept) => call({ method: "GET", path, accept }),
    post: async (path, body) =>
      parseJson(await call({ method: "POST", path, accept: JSON_TYPE, body: JSON.stringify(body) })),
  };
}

function localSender(name: string): (call: Call) => Promise<Answer> {
  const { dir } = statePaths(name);
  const { socket: socketPath, token } = apiDoor(dir);
  const down = (cause: unknown): never => {
    throw new MeshDown(
      `no control plane answers in ${dir}: start a mesh with \`osm local up DIR\`, or name one with --api`,
      {
        cause,
      },
    );
  };
  return async (call) => {
    let shown: string;
    try {
      shown = readFileSync(token, "utf8");
    } catch (cause) {
      return down(cause);
    }
    return exchange(requestHttp, { socketPath, headers: { host: "localhost" } }, { call, token: shown }).catch(down);
  };
}

function remoteSender(api: string, tokenFile: string | undefined): (call: Call) => Promise<Answer> {
  const url = URL.parse(api);
  if (url === null || !["http:", "https:"].includes(url.protocol))
    throw new Error(`"${api}" is no address: give one such as http://127.0.0.1:9092`);
  const token = tokenFile === undefined ? process.env["OSM_TOKEN"] : readFileSync(tokenFile, "utf8").trim();
  if (token === undefined || token === "")
    throw new Error("no token: give --token-file, or set OSM_TOKEN (kubectl create token ACCOUNT)");
  const { protocol, hostname, port } = url;
  const where = {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    ...(port === "" ? {} : { port: Number(port) }),
    headers: {},
  };
  return (call) =>
    exchange(protocol === "https:" ? requestHttps : requestHttp, where, { call, token }).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new MeshDown(`${api} does not answer: ${why}`, { cause });
    });
}

function exchange(
  request: typeof requestHttp,
  where: RequestOptions & { readonly headers: Readonly<Record<string, string>> },
  { call: { method, path, accept, body }, token }: { readonly call: Call; readonly token: string },
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = {
    ...where.headers,
    accept,
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { "content-type": JSON_TYPE, "content-length": String(Buffer.byteLength(body)) }),
  };
  const timeout = method === "POST" ? LEVER_TIMEOUT : TIMEOUT;
  const outgoing = request({ ...where, method, path, headers, agent: false, timeout }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", reject);
    response.on("end", () =>
      resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
    );
  });
  outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${timeout} ms`)));
  outgoing.on("error", reject);
  outgoing.end(body);
  return promise;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
