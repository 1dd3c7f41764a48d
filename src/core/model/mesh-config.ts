/**
 * MeshConfig: the mesh's own settings.
 *
 * @module
 */
import type { Millis } from "../base/millis.ts";
import type { Meta } from "./meta.ts";

export type EnvoyLogLevel = "trace" | "debug" | "info" | "warning" | "warn" | "error" | "critical" | "off";
export type OsmLogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "panic" | "disabled";
export type TlsProtocolVersion = "TLS_AUTO" | "TLSv1_0" | "TLSv1_1" | "TLSv1_2" | "TLSv1_3";
export type LocalProxyMode = "Localhost" | "PodIP";

/** Most of it reaches a pod when it is created; the TLS settings also reach running proxies. */
export interface SidecarSettings {
  readonly enablePrivilegedInitContainer: boolean;
  readonly logLevel: EnvoyLogLevel;
  /** "": the control plane's own choice; so for the two images below. */
  readonly envoyImage: string;
  readonly envoyWindowsImage: string;
  readonly initContainerImage: string;
  /** 0: no limit. */
  readonly maxDataPlaneConnections: number;
  /** 0: off. */
  readonly configResyncInterval: Millis;
  /** Kubernetes quantities by resource name. */
  readonly resources: {
    readonly limits: Readonly<Record<string, string>>;
    readonly requests: Readonly<Record<string, string>>;
  };
  readonly tlsMinProtocolVersion: TlsProtocolVersion;
  readonly tlsMaxProtocolVersion: TlsProtocolVersion;
  /** Empty: Envoy's own list; so for the curves. */
  readonly cipherSuites: readonly string[];
  readonly ecdhCurves: readonly string[];
  readonly localProxyMode: LocalProxyMode;
}

export interface TrafficSettings {
  readonly enableEgress: boolean;
  /** IPv4 CIDRs. */
  readonly outboundIPRangeExclusionList: readonly string[];
  readonly outboundIPRangeInclusionList: readonly string[];
  readonly outboundPortExclusionList: readonly number[];
  readonly inboundPortExclusionList: readonly number[];
  readonly networkInterfaceExclusionList: readonly string[];
  readonly enablePermissiveTrafficPolicyMode: boolean;
  readonly inboundExternalAuthorization: {
    readonly enable: boolean;
    readonly address: string;
    /** 0 if unset. */
    readonly port: number;
    readonly statPrefix: string;
    readonly timeout: Millis;
    readonly failureModeAllow: boolean;
  };
}

export interface ObservabilitySettings {
  readonly osmLogLevel: OsmLogLevel;
  readonly enableDebugServer: boolean;
  readonly tracing: {
    readonly enable: boolean;
    readonly port: number;
    /** "": `jaeger.<mesh namespace>.svc.cluster.local`. */
    readonly address: string;
    readonly endpoint: string;
  };
}

export interface CertificateSettings {
  readonly serviceCertValidityMs: Millis;
  readonly certKeyBitSize: number;
  readonly ingressGateway?: {
    /** At least one. */
    readonly subjectAltNames: readonly string[];
    readonly validityMs: Millis;
    readonly secret: { readonly namespace: string; readonly name: string };
  };
}

export interface FeatureFlags {
  readonly enableWASMStats: boolean;
  readonly enableEgressPolicy: boolean;
  readonly enableMulticlusterMode: boolean;
  readonly enableSnapshotCacheMode: boolean;
  readonly enableAsyncProxyServiceMapping: boolean;
  readonly enableIngressBackendPolicy: boolean;
  readonly enableEnvoyActiveHealthChecks: boolean;
  readonly enableRetryPolicy: boolean;
  readonly enableMeshRootCertificate: boolean;
}

export interface MeshConfig {
  readonly kind: "MeshConfig";
  readonly meta: Meta;
  readonly sidecar: SidecarSettings;
  readonly traffic: TrafficSettings;
  readonly observability: ObservabilitySettings;
  readonly certificate: CertificateSettings;
  readonly featureFlags: FeatureFlags;
}
