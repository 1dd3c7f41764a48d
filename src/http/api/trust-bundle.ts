/**
 * `GET /api/v1/trust-bundle`: whom to trust, in SPIFFE's bundle format.
 *
 * @module
 * @see SPIFFE Trust Domain and Bundle, 4: a JWK Set (RFC 7517) whose keys have `use` and `x5c`.
 */
import * as v from "valibot";
import { defineEndpoint, type Endpoint } from "./endpoint.ts";
import { Count } from "./fields.ts";
import type { MeshView } from "./mesh-view.ts";

/** Seconds; a rotation waits for proxies, not for those who read this, so they should not be far behind. */
const REFRESH_HINT = 60;

const Jwk = v.object({
  use: v.literal("x509-svid"),
  kty: v.string(),
  crv: v.optional(v.string()),
  x: v.optional(v.string()),
  y: v.optional(v.string()),
  n: v.optional(v.string()),
  e: v.optional(v.string()),
  x5c: v.pipe(v.array(v.string()), v.length(1), v.description("The root, as base64 of its DER")),
});

const BundleAnswer = v.object({
  keys: v.array(Jwk),
  spiffe_sequence: v.pipe(Count, v.description("Grows with each change")),
  spiffe_refresh_hint: v.pipe(Count, v.description("Seconds after which to ask again")),
});

/** Public keys of certificates, which only the CA can read: `kty` and its parameters. */
export type PublicJwk = Readonly<Record<string, string>>;

export function trustBundleEndpoint(mesh: Pick<MeshView, "certificates" | "rotation">): Endpoint {
  return defineEndpoint({
    path: "/api/v1/trust-bundle",
    id: "getTrustBundle",
    summary: "The roots to trust, in SPIFFE's bundle format",
    description: "A JWK Set; during a rotation it holds both roots. As PEM: the roots alone.",
    schemaName: "TrustBundle",
    schema: BundleAnswer,
    read: async () => {
      const { roots } = await mesh.certificates();
      const keys = roots.map(({ jwk, pem }) => {
        const { kty = "", ...parameters } = jwk;
        return { use: "x509-svid" as const, kty, ...parameters, x5c: [derOf(pem)] };
      });
      return { keys, spiffe_sequence: mesh.rotation.state().step, spiffe_refresh_hint: REFRESH_HINT };
    },
    pem: async () => (await mesh.certificates()).roots.map(({ pem }) => pem).join(""),
  });
}

function derOf(pem: string): string {
  return pem.replace(/-----[^-]+-----/g, "").replace(/\s+/g, "");
}
