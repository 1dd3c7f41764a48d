/**
 * A leaf with its private key, and the version by which a proxy says which leaf it holds.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { Redacted } from "../core/base/redacted.ts";
import type { IssuedValidity } from "./renewal.ts";

const PREFIX_DIGITS = 16;
const VERSION = /^leaf\.([0-9a-f]{16})\.(\d{1,12})\.([0-9a-f]{16})$/;

export interface Leaf extends IssuedValidity {
  /** PEM, the leaf first, then the issuers up to but without the root. */
  readonly chain: string;
  /** PKCS#8 PEM. */
  readonly key: Redacted<string>;
  /** SHA-256 of the root that the chain leads to, lower-case hexadecimal. */
  readonly issuerId: string;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  /** See `leafVersion`. */
  readonly version: string;
}

/** What a version tells of a leaf that this process may never have seen. */
export interface HeldLeaf {
  /** The first 16 digits of its issuer's id. */
  readonly issuer: string;
  readonly notAfter: Millis;
}

/** `leaf.<issuer, 16 hex>.<notAfter, epoch seconds>.<serial, 16 hex>`: all that a restarted control plane must know. */
export function leafVersion(leaf: {
  readonly issuerId: string;
  readonly notAfter: Millis;
  readonly serial: string;
}): string {
  const serial = leaf.serial.padStart(PREFIX_DIGITS, "0").slice(0, PREFIX_DIGITS);
  return `leaf.${issuerPrefix(leaf.issuerId)}.${Math.floor(leaf.notAfter / 1000)}.${serial}`;
}

/** The inverse of `leafVersion`, as far as there is one. @returns undefined for any other text: it comes from a proxy. */
export function parseLeafVersion(version: string): HeldLeaf | undefined {
  const [, issuer, notAfterSeconds] = VERSION.exec(version) ?? [];
  if (issuer === undefined || notAfterSeconds === undefined) return undefined;
  return { issuer, notAfter: Number(notAfterSeconds) * 1000 };
}

export function issuerPrefix(issuerId: string): string {
  return issuerId.slice(0, PREFIX_DIGITS);
}
