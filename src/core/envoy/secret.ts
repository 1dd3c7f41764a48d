/**
 * Secrets: whom to trust, and the proxy's own certificate.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { DataSource } from "../../../gen/envoy/config/core/v3/base_pb.ts";
import { type Secret, SecretSchema } from "../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { memoByObject } from "../base/memo.ts";
import type { Redacted } from "../base/redacted.ts";
import type { TrustedPeers } from "../ir/upstream.ts";
import { INBOUND_ROOT, SERVICE_CERTIFICATE } from "./names.ts";
import { memoByPair } from "./pair-memo.ts";
import { exactDnsName } from "./tls.ts";

/** The roots of the mesh: PEM, one after the other. The same object for as long as they do not change. */
export interface TrustBundle {
  readonly pem: string;
}

/** For servers: any certificate of the mesh passes; whose it is, is for RBAC. */
export const buildInboundRoot: (trust: TrustBundle) => Secret = memoByObject(({ pem }) =>
  create(SecretSchema, {
    name: INBOUND_ROOT,
    type: { case: "validationContext", value: { trustedCa: { specifier: inline(pem) } } },
  }),
);

/** For callers of one service: only the identities behind it. The IR has at least one, since none would mean any. */
export const buildTrustedPeers: (trust: TrustBundle, peers: TrustedPeers) => Secret = memoByPair(
  (trust, { secret, names }) =>
    create(SecretSchema, {
      name: secret,
      type: {
        case: "validationContext",
        value: { trustedCa: { specifier: inline(trust.pem) }, matchTypedSubjectAltNames: names.map(exactDnsName) },
      },
    }),
);

/** The proxy's own certificate. The result holds the private key: send it to that proxy and nowhere else. */
export function buildServiceCertificate(chainPem: string, key: Redacted<string>): Secret {
  return create(SecretSchema, {
    name: SERVICE_CERTIFICATE,
    type: {
      case: "tlsCertificate",
      value: { certificateChain: { specifier: inline(chainPem) }, privateKey: { specifier: inline(key.reveal()) } },
    },
  });
}

function inline(text: string): DataSource["specifier"] {
  return { case: "inlineBytes", value: new TextEncoder().encode(text) };
}
