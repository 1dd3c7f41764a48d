/**
 * Names of hosts as operators write them in policies.
 *
 * @module
 */
import * as v from "valibot";
import { isAddress } from "./address-range.ts";
import { AnyText } from "./fields.ts";

const HOST_LENGTH = 253;
/** DNS allows more than the names of hosts; an underscore is common in practice. */
const HOST_LABEL = /^[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?$/;
const WILDCARD = "*.";

const LowerCase = v.pipe(
  AnyText,
  v.transform((text) => text.toLowerCase()),
);

/** A DNS name or an address. Lower case out. */
export const HostName = v.pipe(LowerCase, v.check(isHost, "the name of a host, or an address, without a port"));

/** A host, or all hosts below one: `*.example.org`. */
export function isHostOrWildcard(text: string): boolean {
  return text.startsWith(WILDCARD) ? isDnsName(text.slice(WILDCARD.length)) : isHost(text);
}

function isHost(text: string): boolean {
  return isAddress(text) || isDnsName(text);
}

function isDnsName(text: string): boolean {
  return text.length <= HOST_LENGTH && text.split(".").every((label) => HOST_LABEL.test(label));
}
