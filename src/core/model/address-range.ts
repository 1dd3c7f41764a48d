/**
 * Ranges of addresses in CIDR notation, IPv4 and IPv6.
 *
 * @module
 */
import * as v from "valibot";

export interface AddressRange {
  /** As written, in lower case. Bits beyond the prefix do not count. */
  readonly address: string;
  readonly prefixLength: number;
}

const IPV4_BITS = 32;
const IPV6_BITS = 128;
const LENGTH = /^(?:0|[1-9]\d{0,2})$/;

const Ipv4 = v.pipe(v.string(), v.ipv4());
const Ipv6 = v.pipe(v.string(), v.ipv6());

/** `10.0.0.0/8` or `fd00::/8`. @returns undefined where Go's `net.ParseCIDR` would refuse the text. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [address = "", length = "", ...more] = text.toLowerCase().split("/");
  const most = v.is(Ipv4, address) ? IPV4_BITS : v.is(Ipv6, address) ? IPV6_BITS : -1;
  const fits = more.length === 0 && LENGTH.test(length) && Number(length) <= most;
  return fits ? { address, prefixLength: Number(length) } : undefined;
}

export function isAddress(text: string): boolean {
  return v.is(Ipv4, text) || v.is(Ipv6, text);
}
