/**
 * Cipher suites and curves by the names that Envoy takes. One wrong name makes it refuse every listener and cluster
 * that carries it, so a name that is not here never gets to it.
 *
 * Tried with Envoy 1.40, name by name; `test/envoy/mesh-config.test.ts` does it again.
 *
 * @module
 */

/** OpenSSL's name and IANA's. Of TLS 1.2 and older: those of TLS 1.3 cannot be chosen in Envoy, all of them are on. */
const CIPHERS: readonly (readonly [string, string])[] = [
  ["AES128-GCM-SHA256", "AES_128_GCM_SHA256"],
  ["AES256-GCM-SHA384", "AES_256_GCM_SHA384"],
  ["CHACHA20-POLY1305", "CHACHA20_POLY1305_SHA256"],
  ["AES128-SHA256", "AES_128_CBC_SHA256"],
  ["AES128-SHA", "AES_128_CBC_SHA"],
  ["AES256-SHA", "AES_256_CBC_SHA"],
];
/** Those that Envoy also has with a key exchange by RSA, without forward secrecy. */
const WITHOUT_ECDHE = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA"];

/** By either name: the suite that differs in the certificate's kind of key, and no more than that needs. */
const TWINS: ReadonlyMap<string, string> = new Map(
  CIPHERS.flatMap(([cipher, iana]): readonly (readonly [string, string])[] => [
    [`ECDHE-ECDSA-${cipher}`, `ECDHE-RSA-${cipher}`],
    [`TLS_ECDHE_ECDSA_WITH_${iana}`, `ECDHE-RSA-${cipher}`],
    [`ECDHE-RSA-${cipher}`, `ECDHE-ECDSA-${cipher}`],
    [`TLS_ECDHE_RSA_WITH_${iana}`, `ECDHE-ECDSA-${cipher}`],
    ...(WITHOUT_ECDHE.includes(cipher)
      ? ([
          [cipher, `ECDHE-ECDSA-${cipher}`],
          [`TLS_RSA_WITH_${iana}`, `ECDHE-ECDSA-${cipher}`],
        ] as const)
      : []),
  ]),
);

/** By name and by OpenSSL's other name of the same. */
const CURVES: ReadonlyMap<string, string> = new Map([
  ...["X25519", "P-256", "P-384", "P-521", "X25519MLKEM768"].map((name): [string, string] => [name, name]),
  ["x25519", "X25519"],
  ["prime256v1", "P-256"],
  ["secp384r1", "P-384"],
  ["secp521r1", "P-521"],
]);

export const CURVE_NAMES: readonly string[] = [...CURVES.keys()];
export const SUITE_NAMES: readonly string[] = [...TWINS.keys()];

/** What to write, for a message. */
export const SUITES_WANTED =
  "a cipher suite of TLS 1.2 such as ECDHE-ECDSA-AES128-GCM-SHA256; those of TLS 1.3 are always on";
export const CURVES_WANTED = `one of ${[...new Set(CURVES.values())].join(", ")}`;

/** A suite, or Envoy's group of suites of one rank: `[A|B]`. */
export function isSuite(text: string): boolean {
  const [, group = text] = /^\[(.+)\]$/.exec(text) ?? [];
  return group.split("|").every((name) => TWINS.has(name));
}

export function isCurve(text: string): boolean {
  return CURVES.has(text);
}

/** Each curve once, by one name: Envoy refuses a list that has one twice. */
export function distinctCurves(curves: readonly string[]): readonly string[] {
  return [...new Set(curves.map((name) => CURVES.get(name) ?? name))];
}

/**
 * Each suite followed by its twin for the other kind of key.
 *
 * OSM's certificates had RSA keys, so its users wrote `ECDHE-RSA-…`; ours have ECDSA keys unless the MeshConfig asks
 * for others, and a list for one kind alone would end every connection. Which of the two is used is the certificate's
 * choice; the cipher is the same.
 *
 * @param suites - Of those that `isSuite` takes.
 */
export function forBothKindsOfKeys(suites: readonly string[]): readonly string[] {
  return [...new Set(suites.flatMap((text) => [text, text.replace(/[^[\]|]+/g, (name) => TWINS.get(name) ?? name)]))];
}
