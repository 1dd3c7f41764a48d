/**
 * What the engine asks of its neighbours: where objects come from.
 *
 * @module
 */
import type { Finding } from "../core/base/finding.ts";
import type { ServiceAccountName } from "../core/base/identity.ts";
import type { Millis } from "../core/base/millis.ts";
import type { Redacted } from "../core/base/redacted.ts";
import type { ObjectRef } from "../core/base/ref.ts";

/** What a source tells the engine. Raw objects as Kubernetes spells them. */
export interface ObjectSink {
  /** Adds or replaces one object. Returns the parse findings of this object; the last accepted version stays if it cannot be read. */
  apply(raw: unknown): readonly Finding[];
  remove(ref: ObjectRef): void;
  /** Everything that was there at the start has been told. */
  synced(): void;
}

/** A place where objects come from. Tells `sink` all there is, then every change, until stopped. */
export interface ObjectSource {
  /** Resolves once the first listing was told and `synced` was called. */
  start(sink: ObjectSink): Promise<void>;
  stop(): Promise<void>;
}

/** A service account's certificate, as all of its proxies hold it. */
export interface Leaf {
  readonly account: ServiceAccountName;
  /** PEM, the leaf first, without the root. */
  readonly chainPem: string;
  readonly key: Redacted<string>;
  /** Of the root that it leads to. */
  readonly issuerId: string;
  /** Epoch milliseconds. */
  readonly issuedAt: Millis;
  readonly notAfter: Millis;
  /** Names issuer, end of life and serial, so that what a proxy holds can be judged by its version alone. */
  readonly version: string;
}

/** Where the certificates of service accounts come from. */
export interface LeafSource {
  /** The current leaf; issued if there is none. Rejects while none can be had. */
  obtain(account: ServiceAccountName): Promise<Leaf>;
  /** Whether a proxy may go on with a leaf of this version, which it got from another control plane or an earlier life of this one. */
  adopt(account: ServiceAccountName, heldVersion: string): boolean;
  /** Tells of every new leaf that took the place of another. */
  onRenewed(listener: (leaf: Leaf) => void): () => void;
  /** Only these accounts have proxies: the others' leaves need no renewal. */
  retain(accounts: readonly ServiceAccountName[]): void;
}

/** Where the engine says what an operator of the control plane may want to read. */
export interface EngineLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
