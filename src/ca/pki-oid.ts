/**
 * Object identifiers and tags of X.509.
 *
 * @module
 */
export const OID = {
  commonName: "2.5.4.3",
  serialNumber: "2.5.4.5",
  organization: "2.5.4.10",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  rsa: "1.2.840.113549.1.1.1",
  ecdsa: "1.2.840.10045.2.1",
  p256: "1.2.840.10045.3.1.7",
  p384: "1.3.132.0.34",
  /** Attribute of a request that asks for extensions (RFC 2985 5.4.2). */
  extensionRequest: "1.2.840.113549.1.9.14",
} as const;

/** Tags of GeneralName. */
export const NAME_TYPE = { dns: 2, uri: 6 } as const;
