/**
 * An ADS client that does only what a test tells it to: every request, ACK and NACK is written out.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AggregatedDiscoveryService } from "../../gen/envoy/service/discovery/v3/ads_pb.ts";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import { kindOf, type ResourceKind, TYPE_URLS } from "../../src/xds/resource.ts";
import type { TestLeaf } from "./xds-pki.ts";

/** Longest time that a response may take, in milliseconds. Generous: it only matters when a test fails. */
const PATIENCE = 10_000;

export interface Dial {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** The name that the server's certificate must have; `localhost` by default. */
  readonly serverName?: string;
  readonly port: number;
  /** undefined: no client certificate. */
  readonly leaf?: TestLeaf | undefined;
  readonly trustedRoot: string;
}

/** A queue that is read as an async iterable. */
class Queue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  put(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) yield item;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** One TLS connection with HTTP/2 on it. */
export class Connection {
  readonly socket: TLSSocket;
  readonly #session: Http2SessionManager;
  readonly client;

  private constructor(socket: TLSSocket, url: string) {
    this.socket = socket;
    this.#session = new Http2SessionManager(url, {}, { createConnection: () => socket });
    this.client = createClient(
      AggregatedDiscoveryService,
      createGrpcTransport({ baseUrl: url, sessionManager: this.#session }),
    );
  }

  /** Resolves after the client's half of the handshake; with TLS 1.3 the server may still refuse. */
  static async open({
    host = "127.0.0.1",
    serverName = "localhost",
    port,
    leaf,
    trustedRoot,
  }: Dial): Promise<Connection> {
    const identity = leaf === undefined ? {} : { cert: leaf.certificate, key: leaf.key };
    const socket = connectTls({
      host,
      port,
      servername: serverName,
      ca: trustedRoot,
      ALPNProtocols: ["h2"],
      ...identity,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("closed in the handshake")));
    });
    socket.on("error", () => {}); // some tests cut the connection
    return new Connection(socket, `https://localhost:${port}`);
  }

  /** As a crash or a cut cable: no goodbye. */
  destroy(): void {
    this.socket.destroy();
  }

  close(): void {
    this.#session.abort();
    this.socket.destroy();
  }
}

interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
}

/** One stream. Responses wait in order until the test takes them. */
class Stream<Req, Res extends Response> {
  protected readonly outbox = new Queue<Req>();
  readonly #responses: AsyncIterator<Res>;
  #ahead: Promise<IteratorResult<Res>> | undefined;

  protected constructor(open: (requests: AsyncIterable<Req>) => AsyncIterable<Res>) {
    this.#responses = open(this.outbox)[Symbol.asyncIterator]();
  }

  #peek(): Promise<IteratorResult<Res>> {
    this.#ahead ??= this.#responses.next();
    this.#ahead.catch(() => {}); // whoever takes it sees the error
    return this.#ahead;
  }

  /** @throws ConnectError if the stream ended with one, AssertionError if nothing came in time. */
  async next(kind?: ResourceKind): Promise<Res> {
    const result = await within(PATIENCE, this.#peek());
    assert.ok(result !== undefined, `no ${kind ?? ""} response within ${PATIENCE} ms`);
    this.#ahead = undefined;
    assert.ok(result.done !== true, "the stream has ended");
    if (kind !== undefined) assert.equal(kindOf(result.value.typeUrl), kind);
    return result.value;
  }

  /** Holds if nothing arrives for `millis`. */
  async quiet(millis = 150): Promise<void> {
    const result = await within(millis, this.#peek());
    assert.ok(result === undefined, `expected silence, got ${JSON.stringify(result?.value?.typeUrl)}`);
  }

  /** The error that ended the stream, or the text "ended" without one. */
  async ending(): Promise<unknown> {
    try {
      for (;;) {
        const result = await within(PATIENCE, this.#peek());
        assert.ok(result !== undefined, `the stream is still open after ${PATIENCE} ms`);
        this.#ahead = undefined;
        if (result.done === true) return "ended";
      }
    } catch (error) {
      return error;
    }
  }

  /** Ends the stream as a well-behaved client does. */
  end(): void {
    this.outbox.end();
  }
}

type DeltaInit = Omit<MessageInitShape<typeof DeltaDiscoveryRequestSchema>, "typeUrl" | "$typeName">;
type SotwInit = Omit<MessageInitShape<typeof DiscoveryRequestSchema>, "typeUrl" | "$typeName">;

export class DeltaStream extends Stream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  constructor({ client }: Connection) {
    super((requests) => client.deltaAggregatedResources(requests));
  }

  send(kind: ResourceKind | { readonly typeUrl: string }, request: DeltaInit = {}): void {
    const typeUrl = typeof kind === "string" ? TYPE_URLS[kind] : kind.typeUrl;
    this.outbox.put(create(DeltaDiscoveryRequestSchema, { ...request, typeUrl }));
  }

  ack({ typeUrl, nonce }: Response): void {
    this.send({ typeUrl }, { responseNonce: nonce });
  }

  nack({ typeUrl, nonce }: Response, message: string): void {
    this.send({ typeUrl }, { responseNonce: nonce, errorDetail: { code: 3, message } });
  }

  /** Takes the next response, checks its type and accepts it. */
  async accept(kind: ResourceKind): Promise<DeltaDiscoveryResponse> {
    const response = await this.next(kind);
    this.ack(response);
    return response;
  }
}

export class SotwStream extends Stream<DiscoveryRequest, DiscoveryResponse> {
  readonly #names = new Map<string, readonly string[]>();
  readonly #versions = new Map<string, string>();

  constructor({ client }: Connection) {
    super((requests) => client.streamAggregatedResources(requests));
  }

  /** Names are remembered for later ACKs, as they must be repeated in every request. */
  send(kind: ResourceKind | { readonly typeUrl: string }, request: SotwInit = {}): void {
    const typeUrl = typeof kind === "string" ? TYPE_URLS[kind] : kind.typeUrl;
    const resourceNames = [...(request.resourceNames ?? this.#names.get(typeUrl) ?? [])];
    this.#names.set(typeUrl, resourceNames);
    this.outbox.put(create(DiscoveryRequestSchema, { ...request, resourceNames, typeUrl }));
  }

  ack({ typeUrl, nonce, versionInfo }: DiscoveryResponse): void {
    this.#versions.set(typeUrl, versionInfo);
    this.send({ typeUrl }, { responseNonce: nonce, versionInfo });
  }

  nack({ typeUrl, nonce }: DiscoveryResponse, message: string): void {
    const versionInfo = this.#versions.get(typeUrl) ?? "";
    this.send({ typeUrl }, { responseNonce: nonce, versionInfo, errorDetail: { code: 3, message } });
  }

  async accept(kind: ResourceKind): Promise<DiscoveryResponse> {
    const response = await this.next(kind);
    this.ack(response);
    return response;
  }
}

/** undefined if the promise has not settled after `millis`. */
export async function within<T>(millis: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), millis);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `check` holds. @throws AssertionError after ten seconds. */
export async function eventually(check: () => boolean, what: string): Promise<void> {
  const end = Date.now() + PATIENCE;
  while (!check()) {
    assert.ok(Date.now() < end, `not within ${PATIENCE} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
