/**
 * The certificate that a client has shown, read from its connection. The only source of identity.
 *
 * @module
 */
import type { PeerCertificate as NodeCertificate } from "node:tls";

export interface PeerCertificate {
  readonly commonName: string;
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  /** Epoch milliseconds. */
  readonly notAfter: number;
  /** Hexadecimal, as the runtime writes it. */
  readonly serialNumber: string;
  /** DER of the certificate itself. */
  readonly raw: Uint8Array;
}

/** What is needed of a `TLSSocket`, which the runtimes wrap in different ways. */
export interface TlsPeer {
  /** Not used; what a socket without TLS has in common with this, so that it is taken, and refused, too. */
  readonly remoteAddress?: string | undefined;
  readonly authorized?: boolean;
  getPeerCertificate?(detailed?: boolean): NodeCertificate;
}

/** @returns undefined unless the connection has a verified certificate with exactly one common name. */
export function readPeer(socket: TlsPeer | undefined): PeerCertificate | undefined {
  // The handshake refuses what is not verified. This second look costs nothing and fails closed.
  if (socket?.authorized !== true) return undefined;
  const certificate = socket.getPeerCertificate?.();
  const commonName: unknown = certificate?.subject?.CN;
  if (certificate === undefined || typeof commonName !== "string" || commonName === "") return undefined;
  const notAfter = Date.parse(certificate.valid_to);
  if (Number.isNaN(notAfter)) return undefined;
  const names = splitNames(certificate.subjectaltname ?? "");
  return {
    commonName,
    uriSans: namesOf(names, "URI:"),
    dnsSans: namesOf(names, "DNS:"),
    notAfter,
    serialNumber: certificate.serialNumber,
    raw: certificate.raw ?? new Uint8Array(),
  };
}

/** Splits `DNS:a, URI:"b, c"`: the runtime quotes names that hold what could be taken for a separator (CVE-2021-44532). */
export function splitNames(text: string): readonly string[] {
  return [...text.matchAll(/(?:^|, )([A-Za-z ]+:)("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(
    ([, kind = "", value = ""]) => kind + unquote(value),
  );
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    const text: unknown = JSON.parse(value);
    return typeof text === "string" ? text : "";
  } catch {
    // A name that cannot be read is no name.
    return "";
  }
}

function namesOf(names: readonly string[], kind: string): readonly string[] {
  return names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length));
}
