/**
 * The API's one token on one machine: made at start, printed once, good for everything.
 *
 * @module
 */
import { Redacted } from "../core/base/redacted.ts";
import type { Authorizer } from "./authorization.ts";

const TOKEN_BYTES = 32;

/** 256 random bits in hexadecimal. */
export function createToken(): Redacted<string> {
  const bytes = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
  return new Redacted(Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""));
}

/** @param user - As answers and logs name whoever shows the token. */
export function tokenAuthorizer(token: Redacted<string>, user: string): Authorizer {
  if (token.reveal() === "") throw new RangeError("an empty token would let everybody in");
  const wanted = digest(token.reveal());
  return {
    async authorize(shown) {
      return sameBytes(await digest(shown), await wanted) ? { kind: "allowed", user } : { kind: "unauthenticated" };
    },
  };
}

// Of hashes, the time of a comparison tells nothing of the token, not even its length.
async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.reduce((difference, byte, i) => difference | (byte ^ (b[i] ?? 0)), 0) === 0;
}
