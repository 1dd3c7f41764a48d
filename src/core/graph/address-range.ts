/**
 * Ranges of IPv4 addresses: one spelling for each, and which lies in which.
 *
 * @module
 */
import { compareText } from "../base/ref.ts";
import type { AddressRange } from "../ir/listener.ts";

/** Every address there is. */
export const EVERYWHERE: AddressRange = Object.freeze({ address: "0.0.0.0", prefixLength: 0 });

/**
 * The range with the bits beyond its prefix cleared, so that equal ranges are spelt alike.
 *
 * @returns undefined for IPv6, which the redirection does not take: such a range would never match.
 */
export function ipv4Range({ address, prefixLength }: AddressRange): AddressRange | undefined {
  const bits = bitsOf(address);
  return bits === undefined ? undefined : { address: textOf((bits & maskOf(prefixLength)) >>> 0), prefixLength };
}

/** Whether all of `inner` lies in `outer`. Both as `ipv4Range` gives them. */
export function covers(outer: AddressRange, inner: AddressRange): boolean {
  if (outer.prefixLength > inner.prefixLength) return false;
  const mask = maskOf(outer.prefixLength);
  return ((bitsOf(outer.address) ?? 0) & mask) === ((bitsOf(inner.address) ?? 0) & mask);
}

/** Each once, the widest first. */
export function tidyRanges(ranges: readonly AddressRange[]): readonly AddressRange[] {
  const unique = new Map(ranges.map((range) => [rangeText(range), range]));
  return [...unique.values()].sort(
    (a, b) => a.prefixLength - b.prefixLength || compareText(rangeText(a), rangeText(b)),
  );
}

/** `10.0.0.0/8`. */
export function rangeText({ address, prefixLength }: AddressRange): string {
  return `${address}/${prefixLength}`;
}

function bitsOf(address: string): number | undefined {
  const parts = address.split(".").map(Number);
  const isIpv4 = parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255);
  return isIpv4 ? parts.reduce((bits, part) => ((bits << 8) | part) >>> 0, 0) : undefined;
}

function textOf(bits: number): string {
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}

/** A shift by 32 is a shift by 0 here. */
function maskOf(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (-1 << (32 - prefixLength)) >>> 0;
}
