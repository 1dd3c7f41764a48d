/**
 * Mutual TLS, both sides of it. Certificates and roots come by SDS, so a renewal swaps them without a reconnect.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { type TransportSocket, TransportSocketSchema } from "../../../gen/envoy/config/core/v3/base_pb.ts";
import {
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
  SubjectAltNameMatcherSchema,
  type TlsParameters,
  TlsParameters_TlsProtocol,
  TlsParametersSchema,
} from "../../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from "../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import {
  type CommonTlsContext,
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import type { TlsSettings, TlsVersion } from "../ir/protocol.ts";
import { INBOUND_ROOT, MESH_ALPN, SERVICE_CERTIFICATE } from "./names.ts";
import { fromAds, typed } from "./typed.ts";

const PROTOCOLS: Readonly<Record<TlsVersion, TlsParameters_TlsProtocol>> = {
  TLS_AUTO: TlsParameters_TlsProtocol.TLS_AUTO,
  TLSv1_0: TlsParameters_TlsProtocol.TLSv1_0,
  TLSv1_1: TlsParameters_TlsProtocol.TLSv1_1,
  TLSv1_2: TlsParameters_TlsProtocol.TLSv1_2,
  TLSv1_3: TlsParameters_TlsProtocol.TLSv1_3,
};

export function tlsParameters({ minVersion, maxVersion, cipherSuites, ecdhCurves }: TlsSettings): TlsParameters {
  return create(TlsParametersSchema, {
    tlsMinimumProtocolVersion: PROTOCOLS[minVersion],
    tlsMaximumProtocolVersion: PROTOCOLS[maxVersion],
    cipherSuites: [...cipherSuites],
    ecdhCurves: [...ecdhCurves],
  });
}

/** Exactly this DNS name. Never a pattern: a dot in a service account's name must not stand for any character. */
export function exactDnsName(name: string): SubjectAltNameMatcher {
  return create(SubjectAltNameMatcherSchema, {
    sanType: SubjectAltNameMatcher_SanType.DNS,
    matcher: { matchPattern: { case: "exact", value: name } },
  });
}

/** What a caller shows and checks. `peers` names the secret that holds the roots together with whom to expect. */
export function upstreamTls(
  tls: TlsSettings,
  { name, sni, peers }: { name: string; sni: string; peers: string },
): TransportSocket {
  return create(TransportSocketSchema, {
    name,
    configType: {
      case: "typedConfig",
      value: typed(UpstreamTlsContextSchema, {
        sni,
        commonTlsContext: meshContext(tls, {
          alpnProtocols: [MESH_ALPN],
          validationContextType: { case: "validationContextSdsSecretConfig", value: bySds(peers) },
        }),
      }),
    },
  });
}

/**
 * `callers`: whom the handshake itself lets in; "anyone" is any certificate of the mesh, and RBAC decides later.
 * "unasked" is a gateway that need not show one.
 */
export interface DownstreamTlsOptions {
  readonly name: string;
  readonly callers: "anyone" | "unasked" | NonEmpty<string>;
  /** What the server offers to speak; none by default. */
  readonly alpn?: readonly string[];
}

/** What a server shows and checks: every caller must have a certificate of the mesh, unless none is asked for. */
export function downstreamTls(tls: TlsSettings, options: DownstreamTlsOptions): TransportSocket {
  const { name, callers, alpn = [] } = options;
  return create(TransportSocketSchema, {
    name,
    configType: {
      case: "typedConfig",
      value: typed(DownstreamTlsContextSchema, {
        requireClientCertificate: callers !== "unasked",
        commonTlsContext: meshContext(tls, {
          ...(alpn.length === 0 ? {} : { alpnProtocols: [...alpn] }),
          ...(callers === "unasked" ? {} : { validationContextType: callerValidation(callers) }),
        }),
      }),
    },
  });
}

function callerValidation(callers: "anyone" | NonEmpty<string>): CommonTlsContext["validationContextType"] {
  const root = bySds(INBOUND_ROOT);
  if (callers === "anyone") return { case: "validationContextSdsSecretConfig", value: root };
  const context = create(CommonTlsContextSchema, {
    validationContextType: {
      case: "combinedValidationContext",
      value: {
        defaultValidationContext: { matchTypedSubjectAltNames: callers.map(exactDnsName) },
        validationContextSdsSecretConfig: root,
      },
    },
  });
  return context.validationContextType;
}

type ContextParts = Partial<Pick<CommonTlsContext, "alpnProtocols" | "validationContextType">>;

function meshContext(tls: TlsSettings, parts: ContextParts): CommonTlsContext {
  return create(CommonTlsContextSchema, {
    tlsParams: tlsParameters(tls),
    tlsCertificateSdsSecretConfigs: [bySds(SERVICE_CERTIFICATE)],
    ...parts,
  });
}

function bySds(name: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, { name, sdsConfig: fromAds() });
}
