/**
 * PEM text, as RFC 7468 has it: blocks of base64 between `-----BEGIN X-----` and `-----END X-----`.
 *
 * What stands outside of blocks is ignored, since `openssl` writes descriptions there. Read line by line: no pattern
 * runs over the whole text, which may come from a user.
 *
 * @module
 */

/** Text longer than this is not read. The longest honest bundle of roots is far below. */
const MAX_PEM_CHARS = 1_048_576;
const BEGIN = "-----BEGIN ";
const END = "-----END ";
const DASHES = "-----";
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const LINE_CHARS = 64;

export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY` and so on. */
  readonly label: string;
  readonly der: Uint8Array<ArrayBuffer>;
}

/** Why a PEM text, a certificate or a private key was not read. Holds no part of the text: it may be a key. */
export type UnreadableReason =
  | { readonly kind: "too-long"; readonly chars: number }
  | { readonly kind: "block-missing"; readonly expected: string; readonly found: readonly string[] }
  | { readonly kind: "block-broken"; readonly label: string; readonly detail: string }
  | { readonly kind: "key-encrypted" }
  | { readonly kind: "key-unsupported"; readonly detail: string }
  | { readonly kind: "certificate-broken"; readonly detail: string };

/** The only error that reading PEM or DER throws. `what` is the thing's name for the operator, such as `ca.crt`. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
  readonly what: string;
  readonly reason: UnreadableReason;

  constructor(what: string, reason: UnreadableReason, options?: ErrorOptions) {
    super(`${what}: ${describeUnreadable(reason)}`, options);
    this.what = what;
    this.reason = reason;
  }
}

/** The blocks of a text, in order; an empty list if there is none. @throws Unreadable if a block is broken. */
export function parsePem(text: string, what: string): readonly PemBlock[] {
  if (text.length > MAX_PEM_CHARS) throw new Unreadable(what, { kind: "too-long", chars: text.length });
  const blocks: PemBlock[] = [];
  let open: OpenBlock | undefined;
  for (const line of text.split(/\r\n|\n|\r/).map((one) => one.trim())) {
    const begin = markerLabel(line, BEGIN);
    if (open === undefined) {
      if (begin !== undefined) open = { label: begin, lines: [] };
      continue;
    }
    if (begin !== undefined) throw broken(what, open.label, "another block begins before its end");
    const end = markerLabel(line, END);
    if (end === undefined) {
      open.lines.push(line);
      continue;
    }
    blocks.push(closeBlock(open, end, what));
    open = undefined;
  }
  if (open !== undefined) throw broken(what, open.label, "it has no END line");
  return blocks;
}

/** One block, ending in a newline, so that blocks can be joined. */
export function toPem(label: string, der: Uint8Array): string {
  const body = toBase64(der).match(new RegExp(`.{1,${LINE_CHARS}}`, "g")) ?? [];
  return `${BEGIN}${label}${DASHES}\n${body.join("\n")}\n${END}${label}${DASHES}\n`;
}

interface OpenBlock {
  readonly label: string;
  readonly lines: string[];
}

function markerLabel(line: string, marker: string): string | undefined {
  return line.startsWith(marker) && line.endsWith(DASHES) ? line.slice(marker.length, -DASHES.length) : undefined;
}

function closeBlock({ label, lines }: OpenBlock, endLabel: string, what: string): PemBlock {
  if (endLabel !== label) throw broken(what, label, "its last line names another kind of block");
  return { label, der: decodeBody(lines, label, what) };
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function decodeBody(lines: readonly string[], label: string, what: string): Uint8Array<ArrayBuffer> {
  // Only the old encrypted keys have headers, and there is nobody here who could be asked for the passphrase.
  if (lines.some((line) => line.startsWith("Proc-Type:") && line.includes("ENCRYPTED"))) {
    throw new Unreadable(what, { kind: "key-encrypted" });
  }
  const body = lines.join("");
  if (body === "") throw broken(what, label, "it is empty");
  if (!BASE64.test(body) || body.length % 4 !== 0) throw broken(what, label, "its body is not base64");
  return Uint8Array.from(atob(body), (char) => char.charCodeAt(0));
}

function broken(what: string, label: string, detail: string): Unreadable {
  return new Unreadable(what, { kind: "block-broken", label: label.slice(0, LINE_CHARS), detail });
}

function describeUnreadable(reason: UnreadableReason): string {
  switch (reason.kind) {
    case "too-long":
      return `${reason.chars} characters of PEM, more than the ${MAX_PEM_CHARS} that are read; leave out what is not needed`;
    case "block-missing": {
      const found = reason.found.length === 0 ? "no PEM block at all" : reason.found.join(", ");
      return `no "-----BEGIN ${reason.expected}-----" block, found ${found}; give the object in PEM form`;
    }
    case "block-broken":
      return `the ${reason.label} block cannot be read: ${reason.detail}; copy the whole file again`;
    case "key-encrypted":
      return `the private key is encrypted; give it without a passphrase (openssl pkey -in FILE -out PLAIN)`;
    case "key-unsupported":
      return `the private key cannot be used: ${reason.detail}; use ECDSA P-256 or P-384, or RSA of 2048 to 8192 bits`;
    case "certificate-broken":
      return `the certificate cannot be read: ${reason.detail}; it must be one X.509 version 3 certificate in DER inside PEM`;
  }
}
