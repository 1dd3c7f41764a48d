/**
 * What the certificate commands read of the API's answers.
 *
 * @module
 */
import * as v from "valibot";

const Certificate = {
  serial: v.string(),
  subject: v.string(),
  issuer: v.string(),
  notBefore: v.string(),
  notAfter: v.string(),
  keyAlgorithm: v.string(),
  fingerprint: v.string(),
};
const Root = v.object({ ...Certificate, signing: v.boolean() });
export const Identity = v.object({
  ...Certificate,
  namespace: v.string(),
  serviceAccount: v.string(),
  dnsNames: v.array(v.string()),
  uris: v.array(v.string()),
  root: v.string(),
  heldBy: v.array(v.string()),
});
export type Identity = v.InferOutput<typeof Identity>;
const Provider = v.object({
  name: v.string(),
  signing: v.boolean(),
  outage: v.optional(v.object({ since: v.string(), seconds: v.number(), kind: v.string() })),
});
export const Certificates = v.object({
  replicas: v.array(v.object({ name: v.string(), self: v.boolean() })),
  providers: v.array(Provider),
  roots: v.array(Root),
  intermediates: v.array(v.object({ ...Certificate, root: v.string() })),
  identities: v.array(Identity),
});
export type Certificates = v.InferOutput<typeof Certificates>;

const NamedRoot = v.object({ name: v.string(), provider: v.string(), trustDomain: v.string() });
export const RotationAnswer = v.object({
  phase: v.picklist(["steady", "trusting", "issuing", "returning"]),
  step: v.number(),
  since: v.optional(v.string()),
  root: NamedRoot,
  next: v.optional(NamedRoot),
  until: v.optional(v.string()),
  proxies: v.object({ total: v.number(), passed: v.number() }),
  laggards: v.array(v.object({ kind: v.string(), name: v.string(), connected: v.boolean(), reason: v.string() })),
});
export type RotationAnswer = v.InferOutput<typeof RotationAnswer>;

export const Forgotten = v.object({ deleted: v.array(v.string()) });
