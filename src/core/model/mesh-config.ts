/**
 * MeshConfig: the mesh's own settings. How they are written and defaulted is in `mesh-config-schema.ts`.
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../base/millis.ts";
import type { Report } from "../base/report.ts";
import { fieldsOf } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { MeshConfigSpec } from "./mesh-config-schema.ts";
import { type Meta, Metadata } from "./meta.ts";
import { distinctCurves, forBothKindsOfKeys } from "./tls-names.ts";

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

/** The bounds of TLS as proxies are told of them, in the bootstrap and in every chain and cluster. */
export function tlsOf({ sidecar }: Pick<MeshConfig, "sidecar">) {
  return {
    minVersion: sidecar.tlsMinProtocolVersion,
    maxVersion: sidecar.tlsMaxProtocolVersion,
    cipherSuites: forBothKindsOfKeys(sidecar.cipherSuites),
    ecdhCurves: distinctCurves(sidecar.ecdhCurves),
  };
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
  /** How long a request to a Service of the mesh may take, if the Service does not say. 0 or absent: any time. */
  readonly requestTimeout?: Millis;
  /** How long a request may go on without a byte. 0: any time. Absent: Envoy's five minutes, as in OSM. */
  readonly idleTimeout?: Millis;
  /** Absent: off. */
  readonly outlierDetection?: {
    /** Errors in a row after which an endpoint is left alone. */
    readonly consecutiveErrors: number;
    /** How often ejected endpoints are looked at again. */
    readonly interval: Millis;
    /** How long it is left alone, times how often that happened. */
    readonly baseEjectionTime: Millis;
    /** Of the endpoints of a Service, 1 to 100. */
    readonly maxEjectionPercent: number;
  };
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
    /** Of all requests, in percent: a trace is begun for so many of them. Ours; OSM traced each. */
    readonly sampling: number;
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

/** A life shorter than this cannot be renewed in good time. OSM's floor was ten minutes. */
const SHORTEST_CERTIFICATE: Millis = 10_000;
/** What OSM's chart wrote into every MeshConfig: nobody's wish. */
const CHART_KEY_BITS = 2048;

export const MeshConfig: Kind<MeshConfig> = defineKind({
  kind: "MeshConfig",
  group: "config.openservicemesh.io",
  plural: "meshconfigs",
  versions: ["v1alpha2", "v1alpha1"],
  fields: "ours",
  onBadValue: "default",
  schema: fieldsOf({ metadata: Metadata, spec: v.nullish(MeshConfigSpec, {}) }),
  build: ({ spec }, meta, report): MeshConfig => ({
    kind: "MeshConfig",
    meta,
    sidecar: spec.sidecar,
    traffic: toTraffic(spec.traffic),
    observability: spec.observability,
    certificate: toCertificate(spec.certificate, report),
    featureFlags: toFeatures(spec, report),
  }),
});

/** What OSM's chart installs, for a mesh without a MeshConfig. */
export const DEFAULT_MESH_CONFIG: MeshConfig = chartDefaults();

type Written = v.InferOutput<typeof MeshConfigSpec>["certificate"];

function toTraffic({
  requestTimeout,
  idleTimeout,
  outlierDetection,
  ...rest
}: v.InferOutput<typeof MeshConfigSpec>["traffic"]): TrafficSettings {
  return {
    ...rest,
    ...(requestTimeout == null ? {} : { requestTimeout }),
    ...(idleTimeout == null ? {} : { idleTimeout }),
    ...(outlierDetection == null ? {} : { outlierDetection }),
  };
}

function toCertificate({ ingressGateway, ...read }: Written, report: Report): CertificateSettings {
  const path = "spec.certificate.serviceCertValidityDuration";
  const settings = {
    serviceCertValidityMs: atLeastShortest(read.serviceCertValidityDuration, path, report),
    certKeyBitSize: read.certKeyBitSize,
  };
  if (ingressGateway == null) return settings;
  const { subjectAltNames, validityDuration, secret } = ingressGateway;
  const validityMs = atLeastShortest(validityDuration, "spec.certificate.ingressGateway.validityDuration", report);
  return { ...settings, ingressGateway: { subjectAltNames, validityMs, secret } };
}

function toFeatures(spec: v.InferOutput<typeof MeshConfigSpec>, report: Report): FeatureFlags {
  const { certificate, featureFlags, observability } = spec;
  for (const [set, path, because] of [
    [
      certificate.certKeyBitSize !== CHART_KEY_BITS,
      "certificate.certKeyBitSize",
      "the keys of service certificates are ECDSA P-256, as strong as RSA of 3072 bits; remove it",
    ],
    [
      observability.enableDebugServer,
      "observability.enableDebugServer",
      "what it showed is in the API on port 9092, which asks for a token; remove it",
    ],
    [
      featureFlags.enableMulticlusterMode,
      "featureFlags.enableMulticlusterMode",
      "there is no mode for several clusters; remove it",
    ],
    [
      featureFlags.enableSnapshotCacheMode,
      "featureFlags.enableSnapshotCacheMode",
      "proxies are always served from a cache; remove it",
    ],
    [
      featureFlags.enableAsyncProxyServiceMapping,
      "featureFlags.enableAsyncProxyServiceMapping",
      "which Services a pod is of is always known beforehand; remove it",
    ],
  ] as const) {
    if (set) report("mesh-config-no-effect", `spec.${path}`, `has no effect: ${because}`);
  }
  return featureFlags;
}

function atLeastShortest(span: Millis, path: string, report: Report): Millis {
  if (span >= SHORTEST_CERTIFICATE) return span;
  report("field-invalid", path, `must be 10s or more, but is ${span / 1000}s; 10s is in force`);
  return SHORTEST_CERTIFICATE;
}

function chartDefaults(): MeshConfig {
  const parsed = MeshConfig.parse({
    metadata: { name: "osm-mesh-config", namespace: "osm-system" },
    spec: {
      traffic: { enableEgress: true, enablePermissiveTrafficPolicyMode: true },
      featureFlags: { enableWASMStats: true, enableEgressPolicy: true, enableIngressBackendPolicy: true },
    },
  });
  if (!parsed.ok) throw new Error("the mesh's default configuration is not valid");
  return parsed.value;
}
