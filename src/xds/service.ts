/**
 * The streams of AggregatedDiscoveryService: identity, mail, step. Decides nothing about content.
 *
 * @module
 */
import { Code, ConnectError, type ConnectRouter, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { AggregatedDiscoveryService } from "../../gen/envoy/service/discovery/v3/ads_pb.ts";
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { ResourceCache } from "./cache.ts";
import { DELTA, type DeltaState, initialDelta, stepDelta } from "./delta.ts";
import { type Mail, Mailbox } from "./mailbox.ts";
import type { StreamInfo, XdsObserver } from "./observer.ts";
import { isHeldBack, type Note, type Step } from "./order.ts";
import { Patience } from "./patience.ts";
import type { PeerCertificate } from "./peer.ts";
import { type Limits, RequestRefused } from "./request.ts";
import { initialSotw, SOTW, type SotwState, stepSotw } from "./sotw.ts";

export type Admission =
  /** `proxy` is the key in the cache. */
  { readonly kind: "admitted"; readonly proxy: string } | { readonly kind: "refused"; readonly reason: string };

export interface XdsLimits extends Limits {
  /** Bytes of one request message. */
  readonly maxRequestBytes: number;
  /** A proxy has one stream, and for a moment two after a reconnect. */
  readonly maxStreamsPerProxy: number;
  /** Milliseconds until others stop waiting for an answer. Envoy gives up on a cluster's endpoints after 15 s. */
  readonly ackPatience: number;
}

const DEFAULT_LIMITS: XdsLimits = {
  maxNames: 20_000,
  maxRequestBytes: 4 << 20,
  maxStreamsPerProxy: 8,
  ackPatience: 20_000,
};

export interface XdsDeps {
  readonly cache: ResourceCache;
  /** Asked once for each stream. Must fail closed. */
  admit(peer: PeerCertificate): Admission;
  readonly observe: XdsObserver;
  readonly limits?: Partial<XdsLimits>;
}

/** Set by the server for each request; undefined if the connection proves nothing. */
export const PEER = createContextKey<PeerCertificate | undefined>(undefined);
/** Set by the server for each request: lets the connection take no more requests, and end with those it has. */
export const RETIRE = createContextKey<() => void>(() => undefined);

interface Variant<State, Request, Response> {
  readonly protocol: StreamInfo["protocol"];
  initial(): State;
  step(state: State, mail: Mail<Request>, limits: Limits): Step<State, Response>;
  isHeldBack(state: State): boolean;
}

const DELTA_VARIANT: Variant<DeltaState, DeltaDiscoveryRequest, DeltaDiscoveryResponse> = {
  protocol: "delta",
  initial: initialDelta,
  step: stepDelta,
  isHeldBack: (state) => isHeldBack(state, DELTA),
};

const SOTW_VARIANT: Variant<SotwState, DiscoveryRequest, DiscoveryResponse> = {
  protocol: "sotw",
  initial: initialSotw,
  step: stepSotw,
  isHeldBack: (state) => isHeldBack(state, SOTW),
};

interface StreamParts<Req> {
  readonly mailbox: Mailbox<Req>;
  readonly patience: Patience;
  readonly retire: () => void;
}

interface OpenStream {
  close(error: Error): void;
  retire(): void;
}

export class XdsService {
  readonly #deps: XdsDeps;
  readonly #limits: XdsLimits;
  readonly #streams = new Map<string, Set<OpenStream>>();
  #lastId = 0;
  #active = 0;
  #stopped = false;

  constructor(deps: XdsDeps) {
    this.#deps = deps;
    this.#limits = { ...DEFAULT_LIMITS, ...deps.limits };
  }

  get activeStreams(): number {
    return this.#active;
  }

  register(router: ConnectRouter): void {
    router.service(
      AggregatedDiscoveryService,
      {
        streamAggregatedResources: (requests, context) => this.#serve(SOTW_VARIANT, requests, context),
        deltaAggregatedResources: (requests, context) => this.#serve(DELTA_VARIANT, requests, context),
      },
      { readMaxBytes: this.#limits.maxRequestBytes },
    );
  }

  /** Ends all streams and refuses new ones. Proxies keep what they have and try another replica. */
  stop(): void {
    this.#stopped = true;
    const error = new ConnectError("the control plane is stopping", Code.Unavailable);
    for (const streams of [...this.#streams.values()]) for (const stream of [...streams]) stream.close(error);
  }

  /** Lets the proxy dial again, with the certificate that it has by now. What it holds it keeps. */
  redial(proxy: string): void {
    const error = new ConnectError("dial again, with a newer certificate", Code.Unavailable);
    for (const stream of [...(this.#streams.get(proxy) ?? [])]) {
      stream.retire();
      stream.close(error);
    }
  }

  async *#serve<S, Req, Res>(
    variant: Variant<S, Req, Res>,
    requests: AsyncIterable<Req>,
    { signal, values }: HandlerContext,
  ) {
    const proxy = this.#admit(values.get(PEER));
    const mailbox = new Mailbox<Req>();
    const patience = new Patience(this.#limits.ackPatience, () => mailbox.remindOverdue());
    const info: StreamInfo = { id: ++this.#lastId, proxy, protocol: variant.protocol };
    const release = this.#open(info, { mailbox, patience, retire: values.get(RETIRE) });
    // A client that vanishes may leave this generator waiting for a write to drain, or the loop over its requests
    // waiting for ever. Only the signal is reliable, so it is what frees the stream.
    signal.addEventListener("abort", release, { once: true });
    if (signal.aborted) release();
    void forward(requests, mailbox); // never rejects, see there
    try {
      let state = variant.initial();
      for (let mail = await mailbox.next(); mail !== undefined; mail = await mailbox.next()) {
        const step = variant.step(state, mail, this.#limits);
        state = step.state;
        this.#report(proxy, step.notes);
        yield* step.responses;
        patience.wait(variant.isHeldBack(state));
      }
    } catch (error) {
      throw this.#toConnectError(proxy, error);
    } finally {
      signal.removeEventListener("abort", release);
      release();
    }
  }

  #admit(peer: PeerCertificate | undefined): string {
    if (peer === undefined)
      throw this.#refuse("", "a client certificate of the mesh is required", Code.Unauthenticated);
    // A resumed TLS session is not verified again, so the handshake alone would let an expired certificate in.
    if (peer.notAfter <= Date.now())
      throw this.#refuse(peer.commonName, "the client certificate has expired", Code.Unauthenticated);
    const admission = this.#deps.admit(peer);
    if (admission.kind === "refused") throw this.#refuse(peer.commonName, admission.reason, Code.PermissionDenied);
    if (this.#stopped) throw new ConnectError("the control plane is stopping", Code.Unavailable);
    if ((this.#streams.get(admission.proxy)?.size ?? 0) >= this.#limits.maxStreamsPerProxy) {
      const reason = `the proxy has ${this.#limits.maxStreamsPerProxy} streams already: close some`;
      throw this.#refuse(peer.commonName, reason, Code.ResourceExhausted);
    }
    return admission.proxy;
  }

  #refuse(commonName: string, reason: string, code: Code): ConnectError {
    this.#deps.observe.refused({ commonName, reason });
    return new ConnectError(reason, code);
  }

  /** Returns the way to free the stream; calling it again does nothing. */
  #open<Req>(info: StreamInfo, { mailbox, patience, retire }: StreamParts<Req>): () => void {
    const { cache, observe } = this.#deps;
    const streams = this.#streams.get(info.proxy) ?? new Set();
    const stream: OpenStream = { close: (error) => mailbox.close(error), retire };
    this.#streams.set(info.proxy, streams.add(stream));
    this.#active += 1;
    observe.connected(info);
    const unsubscribe = cache.subscribe(info.proxy, (resources) => {
      if (resources !== undefined) mailbox.publish(resources);
      else mailbox.close(new ConnectError("the proxy's pod is gone", Code.PermissionDenied));
    });
    let released = false;
    return () => {
      if (released) return;
      released = true;
      unsubscribe();
      patience.stop();
      mailbox.close();
      streams.delete(stream);
      if (streams.size === 0) this.#streams.delete(info.proxy);
      this.#active -= 1;
      observe.disconnected(info);
    };
  }

  #report(proxy: string, notes: readonly Note[]): void {
    const { observe } = this.#deps;
    for (const note of notes) {
      switch (note.kind) {
        case "sent":
          observe.sent({ proxy, kind: note.resource, names: note.names, bytes: note.bytes, removed: note.removed });
          break;
        case "acknowledged":
          observe.acknowledged({ proxy, kind: note.resource, version: note.version });
          break;
        case "rejected":
          observe.rejected({
            proxy,
            kind: note.resource,
            version: note.version,
            names: note.names,
            message: note.message,
          });
          break;
        case "ignored":
          observe.ignored({ proxy, typeUrl: note.typeUrl });
          break;
      }
    }
  }

  #toConnectError(proxy: string, error: unknown): ConnectError {
    if (error instanceof ConnectError) return error;
    if (error instanceof RequestRefused) {
      const code = error.reason.kind === "type-missing" ? Code.InvalidArgument : Code.ResourceExhausted;
      return new ConnectError(error.message, code);
    }
    // Our bug. The client learns nothing about it; the observer gets all of it.
    this.#deps.observe.failed({ proxy, error: error instanceof Error ? error : new Error(String(error)) });
    return new ConnectError("internal error", Code.Internal);
  }
}

// When a client vanishes this may wait for ever, on a promise that only the dead stream knows: both are then garbage.
async function forward<Req>(requests: AsyncIterable<Req>, mailbox: Mailbox<Req>): Promise<void> {
  try {
    for await (const request of requests) await mailbox.put(request);
    mailbox.close();
  } catch (error) {
    mailbox.close(ConnectError.from(error));
  }
}
