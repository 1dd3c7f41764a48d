/**
 * An API server for tests: real HTTPS, versions, pages, watches and conflicts; and faults that a real one is hard to
 * bring to.
 *
 * @module
 */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { discoveryOf, type FakeObject, keyOf, matches, patched, Refused, refuse, status } from "./fake-api-answers.ts";
import { testRoot } from "./xds-pki.ts";

interface Change {
  readonly at: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: FakeObject;
}

interface Collection {
  readonly kind: string;
  readonly objects: Map<string, FakeObject>;
  readonly changes: Change[];
}

interface Watcher {
  readonly collection: Collection;
  readonly url: URL;
  readonly response: ServerResponse;
}

/** Handles a request in place of the server. @returns true if it did. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

export class FakeApiServer {
  /** `METHOD path?query` of every request, in order. */
  readonly requests: string[] = [];
  /** Asked first, in order, for every request. */
  readonly faults: Fault[] = [];
  /** Any of these bearer tokens is let in; empty: everybody. */
  readonly tokens = new Set<string>();
  pageSize = Number.POSITIVE_INFINITY;
  gzip = false;
  readonly #collections = new Map<string, Collection>();
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<Watcher>();
  readonly #tls: { readonly cert: string; readonly key: string };
  readonly #dir = mkdtempSync(join(tmpdir(), "osm-fake-api-"));
  readonly #rootPem: string;
  #server: Server | undefined;
  #port = 0;
  #version = 1;
  #compacted = 0;
  #uid = 0;

  private constructor(rootPem: string, tls: { readonly cert: string; readonly key: string }) {
    this.#rootPem = rootPem;
    this.#tls = tls;
  }

  static async start(): Promise<FakeApiServer> {
    const root = await testRoot();
    const { certificate, key } = await root.issue("localhost");
    const server = new FakeApiServer(root.pem, { cert: certificate, key });
    await server.resume();
    return server;
  }

  /** Listens (again), on the port that it had. */
  async resume(): Promise<void> {
    const server = createServer(this.#tls, (request, response) => this.#serve(request, response));
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Goes away as a killed process does: no port, no connections. */
  async away(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    this.dropConnections();
    await closed;
  }

  async stop(): Promise<void> {
    await this.away();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  dropConnections(): void {
    this.#watchers.clear();
    for (const socket of this.#sockets) socket.destroy();
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Of all kinds, or of the collections whose path contains `part`. */
  watchers(part = ""): number {
    return [...this.#watchers].filter(({ url }) => url.pathname.includes(part)).length;
  }

  get port(): number {
    return this.#port;
  }

  /** @returns The path of a kubeconfig whose user is `user`; another `port` is another server, with our CA. */
  kubeconfig(user: unknown = {}, port = this.#port): string {
    const path = join(this.#dir, `config-${++this.#uid}.json`);
    const data = Buffer.from(this.#rootPem).toString("base64");
    const cluster = { server: `https://localhost:${port}`, "certificate-authority-data": data };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "fake", cluster }],
      users: [{ name: "me", user }],
      contexts: [{ name: "here", context: { cluster: "fake", user: "me" } }],
      "current-context": "here",
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  file(name: string, text: string): string {
    const path = join(this.#dir, name);
    writeFileSync(path, text);
    return path;
  }

  /** @param path - Such as `/api/v1/pods`. */
  serveKind(path: string, kind: string): void {
    this.#collections.set(path, { kind, objects: new Map(), changes: [] });
  }

  /** As deleting a CRD does without its finalizer: watches end, and nothing is told of the objects. */
  dropKind(path: string): void {
    this.#collections.delete(path);
    this.endWatches(path);
  }

  put(path: string | undefined, object: FakeObject): FakeObject {
    const collection = this.#collection(path);
    const key = keyOf(object);
    const before = collection.objects.get(key);
    const uid = before?.metadata.uid ?? `uid-${++this.#uid}`;
    const resourceVersion = String(++this.#version);
    const stored = {
      ...object,
      metadata: { ...object.metadata, ...generationOf(before, object), uid, resourceVersion },
    };
    collection.objects.set(key, stored);
    this.#tell(collection, { at: this.#version, type: before === undefined ? "ADDED" : "MODIFIED", object: stored });
    return stored;
  }

  remove(path: string | undefined, key: string): void {
    const collection = this.#collection(path);
    const before = collection.objects.get(key);
    if (before === undefined) throw new Error(`${path} has no ${key}`);
    collection.objects.delete(key);
    const at = ++this.#version;
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(at) } };
    this.#tell(collection, { at, type: "DELETED", object });
  }

  get(path: string | undefined, key: string): FakeObject | undefined {
    return this.#collection(path).objects.get(key);
  }

  /** Of all namespaces. */
  all(path: string): readonly FakeObject[] {
    return [...this.#collection(path).objects.values()];
  }

  /** Forgets all changes up to now: older versions are 410. */
  compact(): void {
    this.#compacted = ++this.#version;
    for (const { changes } of this.#collections.values()) changes.length = 0;
  }

  bookmark(path: string): void {
    const metadata = { resourceVersion: String(this.#version) };
    this.send(path, `${JSON.stringify({ type: "BOOKMARK", object: { metadata } })}\n`);
  }

  /** Writes to all watches of a collection. */
  send(path: string, text: string): void {
    for (const { url, response } of this.#watchers) if (url.pathname === path) response.write(text);
  }

  endWatches(path: string): void {
    for (const watcher of this.#watchers) {
      if (watcher.url.pathname !== path) continue;
      this.#watchers.delete(watcher);
      watcher.response.end();
    }
  }

  #collection(path: string | undefined): Collection {
    const collection = this.#collections.get(path ?? "");
    if (collection === undefined)
      throw new Refused(404, "NotFound", "the server could not find the requested resource");
    return collection;
  }

  #tell(collection: Collection, change: Change): void {
    collection.changes.push(change);
    for (const watcher of this.#watchers) if (watcher.collection === collection) sendChange(watcher, change);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "https://localhost");
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    if (this.faults.some((fault) => fault(request, response))) return;
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    this.#handle(url, request, response, token).catch((cause: unknown) => {
      const { code, reason, message } = cause instanceof Refused ? cause : new Refused(500, "Bug", String(cause));
      refuse(response, code, reason, message);
    });
  }

  async #handle(url: URL, request: IncomingMessage, response: ServerResponse, token: string): Promise<void> {
    if (this.tokens.size > 0 && !this.tokens.has(token)) throw new Refused(401, "Unauthorized");
    if (request.method !== "GET") await this.#write(url, request, response);
    else if (url.searchParams.has("watch")) this.#watch(url, response);
    else this.#read(url, response);
  }

  #read(url: URL, response: ServerResponse): void {
    const discovery = discoveryOf([...this.#collections.keys()], url.pathname);
    if (discovery !== undefined) this.#answer(response, discovery);
    else {
      const [path, name] = this.#find(url.pathname);
      const object = name === undefined ? this.#list(url, this.#collection(path)) : this.get(path, name);
      if (object === undefined) throw new Refused(404, "NotFound", `${name} not found`);
      this.#answer(response, object);
    }
  }

  #list(url: URL, { kind, objects }: Collection): unknown {
    const [at, offset] = (url.searchParams.get("continue") ?? `${this.#version}:0`).split(":").map(Number);
    if (at === undefined || offset === undefined || at < this.#compacted) throw new Refused(410, "Expired");
    const limit = Number(url.searchParams.get("limit") ?? Number.POSITIVE_INFINITY);
    const end = offset + Math.min(limit, this.pageSize);
    const matching = [...objects.values()].filter((object) => matches(url, object));
    const more = url.searchParams.has("limit") && end < matching.length;
    const metadata = { resourceVersion: String(at), ...(more ? { continue: `${at}:${end}` } : {}) };
    // Items of a real list name neither kind nor version.
    const items = matching.slice(offset, more ? end : undefined).map(({ apiVersion: _, kind: __, ...item }) => item);
    return { kind: `${kind}List`, metadata, items: items.length === 0 ? null : items };
  }

  #watch(url: URL, response: ServerResponse): void {
    const collection = this.#collection(this.#find(url.pathname)[0]);
    const from = Number(url.searchParams.get("resourceVersion"));
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    if (from < this.#compacted) {
      response.end(`${JSON.stringify({ type: "ERROR", object: status(410, "Expired", "too old") })}\n`);
      return;
    }
    const watcher = { collection, url, response };
    this.#watchers.add(watcher);
    response.on("close", () => this.#watchers.delete(watcher));
    for (const change of collection.changes) if (change.at > from) sendChange(watcher, change);
  }

  async #write(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path, name] = this.#find(url.pathname);
    if (path === undefined) throw new Refused(404, "NotFound");
    let text = "";
    for await (const chunk of request) text += chunk;
    const body: unknown = text === "" ? {} : JSON.parse(text);
    const object = body as FakeObject;
    const before = this.get(path, name ?? keyOf(object));
    if (request.method === "POST") {
      if (before !== undefined) throw new Refused(409, "AlreadyExists");
      this.#answer(response, this.put(path, stored(object)));
      return;
    }
    if (before === undefined) throw new Refused(404, "NotFound");
    const type = request.headers["content-type"] ?? "";
    this.#answer(response, this.#change(path, before, { method: request.method, body, type }));
  }

  #change(path: string, before: FakeObject, change: { method: string | undefined; body: unknown; type: string }) {
    if (change.method === "PATCH") return this.put(path, patched(before, change.body, change.type));
    if (change.method === "DELETE") {
      const { preconditions } = change.body as { readonly preconditions?: { readonly uid?: string } };
      if ((preconditions?.uid ?? before.metadata.uid) !== before.metadata.uid) throw new Refused(409, "Conflict");
      this.remove(path, keyOf(before));
      return before;
    }
    const object = change.body as FakeObject;
    if (before.metadata.resourceVersion !== object.metadata.resourceVersion) throw new Refused(409, "Conflict");
    return this.put(path, stored(object));
  }

  #answer(response: ServerResponse, body: unknown): void {
    const text = JSON.stringify(body);
    response.writeHead(200, {
      "content-type": "application/json",
      ...(this.gzip ? { "content-encoding": "gzip" } : {}),
    });
    response.end(this.gzip ? gzipSync(text) : text);
  }

  /** The collection of a path, with and without a namespace in it, and the key of the one object that it names. */
  #find(pathname: string): [path: string | undefined, key?: string | undefined] {
    const [, namespace, rest] = /\/namespaces\/([^/]+)\/(.+)$/.exec(pathname) ?? [];
    if (namespace === undefined || rest === undefined) return this.#findClusterScoped(pathname);
    const [plural, name] = rest.split("/");
    const path = `${pathname.slice(0, pathname.indexOf("/namespaces/"))}/${plural}`;
    return [this.#collections.has(path) ? path : undefined, name === undefined ? undefined : `${namespace}/${name}`];
  }

  #findClusterScoped(pathname: string): [path: string | undefined, key?: string] {
    if (this.#collections.has(pathname)) return [pathname];
    const end = pathname.lastIndexOf("/");
    const path = pathname.slice(0, end);
    return [this.#collections.has(path) ? path : undefined, `/${pathname.slice(end + 1)}`];
  }
}

/** Counts changes of `spec`; kinds without one have none. */
function generationOf(
  before: FakeObject | undefined,
  { spec, metadata }: FakeObject,
): { readonly generation?: number } {
  if (spec === undefined) return {};
  const last = before?.metadata.generation ?? metadata.generation ?? 0;
  return { generation: JSON.stringify(before?.["spec"]) === JSON.stringify(spec) ? last : last + 1 };
}

/** As the API server keeps it: `stringData` becomes `data`. */
function stored({ stringData, ...object }: FakeObject): FakeObject {
  if (typeof stringData !== "object" || stringData === null) return object;
  return { ...object, data: Object.fromEntries(Object.entries(stringData).map(([key, text]) => [key, btoa(text)])) };
}

/** An object that stops to match is deleted, to who watches by a selector. */
function sendChange({ url, response }: Watcher, { type, object }: Change): void {
  const told = matches(url, object) ? type : "DELETED";
  response.write(`${JSON.stringify({ type: told, object })}\n`);
}
