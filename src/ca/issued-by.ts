/**
 * Which of several authorities signed a certificate, for those who only see the certificate.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { splitChain } from "./pki-read.ts";

/** PEM text → the certificates in it, read once: a mesh has few authorities and asks for each proxy. */
const READ = new Map<string, readonly X509Certificate[]>();
const MOST_READ = 256;

/** Whether one of the certificates in `authorities` (PEM) signed this one (DER or PEM). False for what cannot be read. */
export function isIssuedBy(text: Uint8Array | string, authorities: Iterable<string>): boolean {
  try {
    const certificate = new X509Certificate(text);
    return [...authorities].flatMap(read).some((one) => certificate.verify(one.publicKey));
  } catch {
    return false;
  }
}

function read(pem: string): readonly X509Certificate[] {
  const known = READ.get(pem);
  if (known !== undefined) return known;
  if (READ.size >= MOST_READ) READ.clear();
  const certificates = splitChain(pem, "an authority").map((one) => new X509Certificate(one));
  READ.set(pem, certificates);
  return certificates;
}
