/**
 * Names and hashes of pods, in the spelling of Kubernetes.
 *
 * @module
 */
import { createHash, randomInt } from "node:crypto";

/** Kubernetes' own: no vowels, so that no word appears by chance, and no digit that looks like a letter. */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const LENGTH = 5;
/** Longest label of a host name. */
const LONGEST_HOSTNAME = 63;

/** A short hash of any JSON value. Equal values with their fields in one order have equal hashes. */
export function shortHash(value: unknown): string {
  const bytes = createHash("sha256").update(JSON.stringify(value)).digest();
  return [...bytes.subarray(0, LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

export function randomSuffix(): string {
  return Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
}

/** The pod's host name: its own, or the one that its spec asks for; cut as kubelet cuts it. */
export function hostnameOf(podName: string, asked: string): string {
  return asked === "" ? podName.slice(0, LONGEST_HOSTNAME).replace(/[-.]+$/, "") : asked;
}
