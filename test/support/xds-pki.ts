/**
 * Certificates for protocol tests: roots, and leaves that may have expired, made by the CA's own code.
 *
 * @module
 */
import { makeKeyPair, P256, toKeyPem } from "../../src/ca/keys.ts";
import { createRoot, openSigner } from "../../src/ca/pki.ts";

const HOUR = 3_600_000;

/** PEM. */
export interface TestLeaf {
  readonly certificate: string;
  readonly key: string;
}

export interface TestRoot {
  readonly pem: string;
  /** `life` in milliseconds from now; negative: it has expired. */
  issue(commonName: string, options?: { readonly life?: number; readonly uri?: string }): Promise<TestLeaf>;
}

export async function testRoot(commonName = "test root"): Promise<TestRoot> {
  const now = Date.now();
  const dates = { notBefore: now - 2 * HOUR, notAfter: now + 24 * HOUR };
  const root = await createRoot({ commonName, organization: "test", key: P256, ...dates });
  const signer = await openSigner(root, { certificate: "ca.crt", key: "private.key" });
  return {
    pem: root.certificate,
    issue: async (name, { life = HOUR, uri } = {}) => {
      const { publicKey, privateKey } = await makeKeyPair(P256);
      const notAfter = Date.now() + life;
      const { pem: certificate } = await signer.sign({
        commonName: name,
        dnsSans: ["localhost", name],
        uriSans: uri === undefined ? [] : [uri],
        publicKey,
        notBefore: notAfter - 2 * HOUR,
        notAfter,
      });
      return { certificate, key: (await toKeyPem(privateKey)).reveal() };
    },
  };
}
