/**
 * What the streams tell: for status, findings, metrics and logs. Implementations must not throw.
 *
 * @module
 */
import type { ResourceKind } from "./resource.ts";

export interface StreamInfo {
  /** Unique in this process. */
  readonly id: number;
  /** Cache key of the proxy. */
  readonly proxy: string;
  readonly protocol: "sotw" | "delta";
}

export interface Sent {
  readonly proxy: string;
  readonly kind: ResourceKind;
  /** Number of resources, and bytes of their bodies. */
  readonly names: number;
  readonly bytes: number;
  /** Number of names reported as removed. */
  readonly removed: number;
}

export interface Acknowledged {
  readonly proxy: string;
  readonly kind: ResourceKind;
  /** Of the published group that the proxy now has, as far as it subscribed to it. Also told if nothing had to be sent. */
  readonly version: string;
}

export interface Rejected extends Acknowledged {
  /** The resources at fault, as far as the proxy's message tells; else all that it had not had before. */
  readonly names: readonly string[];
  /** The proxy's own words, shortened. */
  readonly message: string;
}

export interface XdsObserver {
  connected(stream: StreamInfo): void;
  disconnected(stream: StreamInfo): void;
  /** A client without identity, or one that `admit` refused. */
  refused(refusal: { readonly commonName: string; readonly reason: string }): void;
  sent(sent: Sent): void;
  acknowledged(acknowledged: Acknowledged): void;
  rejected(rejected: Rejected): void;
  /** A request for a type that is not served. */
  ignored(request: { readonly proxy: string; readonly typeUrl: string }): void;
  /** A stream, a session or a handshake ended by an error. `error` holds no key. */
  failed(failure: { readonly proxy: string | undefined; readonly error: Error }): void;
}
