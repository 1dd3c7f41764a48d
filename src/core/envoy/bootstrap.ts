/**
 * What an Envoy starts with: who it is, and where and how it asks for the rest (dataplane spec 7).
 *
 * @module
 */
import { create, createRegistry, toJsonString } from "@bufbuild/protobuf";
import { type Bootstrap, BootstrapSchema } from "../../../gen/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  ClusterSchema,
} from "../../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import type { TransportSocket } from "../../../gen/envoy/config/core/v3/base_pb.ts";
import { TransportSocketSchema } from "../../../gen/envoy/config/core/v3/base_pb.ts";
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSource,
} from "../../../gen/envoy/config/core/v3/config_source_pb.ts";
import { StdoutAccessLogSchema } from "../../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts";
import { HealthCheckSchema } from "../../../gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts";
import { RouterSchema } from "../../../gen/envoy/extensions/filters/http/router/v3/router_pb.ts";
import { HttpConnectionManagerSchema } from "../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
  SecretSchema,
} from "../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { UpstreamTlsContextSchema } from "../../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { HttpProtocolOptionsSchema } from "../../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import { DiscoveryResponseSchema } from "../../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { ProbePlan } from "../ir/probe.ts";
import type { TlsSettings } from "../ir/protocol.ts";
import { plainAccessLogs } from "./access-log.ts";
import { loneAssignment } from "./endpoint.ts";
import { probeClusters } from "./probe-cluster.ts";
import { probeListeners } from "./probe-listener.ts";
import { exactDnsName, tlsParameters } from "./tls.ts";
import { durationOf, fromAds, socketAddress, typed } from "./typed.ts";

export interface BootstrapOptions {
  /** The common name of the proxy's certificate, as OSM 1.2 has it. Nothing is decided by it. */
  readonly nodeId: string;
  /** `<service account>.<namespace>`. */
  readonly cluster: string;
  /** `serverName`: the DNS name that the control plane's certificate must have, `ads.<trust domain>`. */
  readonly xds: { readonly host: string; readonly port: number; readonly serverName: string };
  readonly adminPort: number;
  readonly tls: TlsSettings;
  readonly protocol: "delta" | "sotw";
  /** Where the files are at run time; absolute. */
  readonly directory?: string;
  /** What a kubelet may ask. Left out where nobody probes through the proxy. */
  readonly probes?: ProbePlan;
  /**
   * Open no listener, those for probes included, before the first configuration is here, however long that takes.
   * Otherwise Envoy goes on without after 15 s.
   */
  readonly waitForConfiguration?: boolean;
}

/** The files beside each other in `directory`. The last three are PEM and made by the authority. */
export const BOOTSTRAP_FILES = {
  bootstrap: "bootstrap.yaml",
  certificateSecret: "tls_certificate_sds_secret.yaml",
  rootsSecret: "validation_context_sds_secret.yaml",
  roots: "cacert.pem",
  certificate: "sds_cert.pem",
  key: "sds_key.pem",
} as const;

const CONTROLLER_CLUSTER = "osm-controller";
const DEFAULT_DIRECTORY = "/etc/envoy";
const CERTIFICATE_SECRET = "tls_sds";
const ROOTS_SECRET = "validation_context_sds";
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const HTTP_OPTIONS_KEY = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

const RE2_LIMIT = { re2: { max_program_size: { error_level: 0xffffffff } } };

/** All that may stand packed in a bootstrap, for its JSON. */
const REGISTRY = createRegistry(
  StdoutAccessLogSchema,
  HttpProtocolOptionsSchema,
  UpstreamTlsContextSchema,
  SecretSchema,
  HttpConnectionManagerSchema,
  HealthCheckSchema,
  RouterSchema,
);

/** The three configuration files by name. JSON is YAML, so the names stay OSM's. */
export function buildBootstrapFiles(options: BootstrapOptions): Readonly<Record<string, string>> {
  const { directory = DEFAULT_DIRECTORY } = options;
  return {
    [BOOTSTRAP_FILES.bootstrap]: buildBootstrap(options),
    [BOOTSTRAP_FILES.certificateSecret]: certificateSecretFile(directory),
    [BOOTSTRAP_FILES.rootsSecret]: rootsSecretFile(directory),
  };
}

/** The text of `bootstrap.yaml`. */
function buildBootstrap(options: BootstrapOptions): string {
  return toJsonString(BootstrapSchema, bootstrapMessage(options), {
    registry: REGISTRY,
    useProtoFieldName: true,
    prettySpaces: 2,
  });
}

function bootstrapMessage(options: BootstrapOptions): Bootstrap {
  const { nodeId, cluster, adminPort, protocol, probes } = options;
  return create(BootstrapSchema, {
    node: { id: nodeId, cluster },
    // Envoy would refuse a whole configuration for one pattern of more than 100 steps. `core/model/regex.ts` has a limit
    // of its own, which the author of the pattern is told of.
    layeredRuntime: { layers: [{ name: "patterns", layerSpecifier: { case: "staticLayer", value: RE2_LIMIT } }] },
    admin: { accessLog: plainAccessLogs(), address: socketAddress("127.0.0.1", adminPort) },
    dynamicResources: {
      adsConfig: {
        apiType: protocol === "delta" ? ApiConfigSource_ApiType.DELTA_GRPC : ApiConfigSource_ApiType.GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [
          {
            targetSpecifier: {
              case: "envoyGrpc",
              // Envoy alone would wait up to 30 s before it dials a control plane again that was away for a while.
              value: {
                clusterName: CONTROLLER_CLUSTER,
                retryPolicy: { retryBackOff: { baseInterval: durationOf(500), maxInterval: durationOf(5000) } },
              },
            },
          },
        ],
      },
      cdsConfig: firstFromAds(options),
      ldsConfig: firstFromAds(options),
    },
    staticResources: {
      clusters: [controllerCluster(options), ...(probes === undefined ? [] : probeClusters(probes))],
      listeners: probes === undefined ? [] : probeListeners(probes),
    },
  });
}

function firstFromAds({ waitForConfiguration = false }: BootstrapOptions): ConfigSource {
  const source = fromAds();
  if (waitForConfiguration) source.initialFetchTimeout = durationOf(0);
  return source;
}

function controllerCluster({ xds, tls, directory = DEFAULT_DIRECTORY }: BootstrapOptions): Cluster {
  // A number needs no resolver, and a pod may have none that works.
  const type = IPV4.test(xds.host) ? Cluster_DiscoveryType.STATIC : Cluster_DiscoveryType.LOGICAL_DNS;
  return create(ClusterSchema, {
    name: CONTROLLER_CLUSTER,
    clusterDiscoveryType: { case: "type", value: type },
    dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY,
    loadAssignment: loneAssignment(CONTROLLER_CLUSTER, { address: xds.host, port: xds.port }),
    typedExtensionProtocolOptions: {
      [HTTP_OPTIONS_KEY]: typed(HttpProtocolOptionsSchema, {
        upstreamProtocolOptions: {
          case: "explicitHttpConfig",
          value: { protocolConfig: { case: "http2ProtocolOptions", value: {} } },
        },
      }),
    },
    // A control plane that vanished without a word is noticed after 60 + 5 × 5 s.
    upstreamConnectionOptions: { tcpKeepalive: { keepaliveProbes: 5, keepaliveTime: 60, keepaliveInterval: 5 } },
    transportSocket: controllerTls(xds.serverName, tls, directory),
  });
}

/** OSM checked no name here, so any certificate of the mesh, a proxy's too, could pose as the control plane. */
function controllerTls(serverName: string, tls: TlsSettings, directory: string): TransportSocket {
  return create(TransportSocketSchema, {
    name: "envoy.transport_sockets.tls",
    configType: {
      case: "typedConfig",
      value: typed(UpstreamTlsContextSchema, {
        sni: serverName,
        commonTlsContext: {
          alpnProtocols: ["h2"],
          tlsParams: tlsParameters(tls),
          tlsCertificateSdsSecretConfigs: [fromFile(CERTIFICATE_SECRET, directory, BOOTSTRAP_FILES.certificateSecret)],
          validationContextType: {
            case: "combinedValidationContext",
            value: {
              defaultValidationContext: { matchTypedSubjectAltNames: [exactDnsName(serverName)] },
              validationContextSdsSecretConfig: fromFile(ROOTS_SECRET, directory, BOOTSTRAP_FILES.rootsSecret),
            },
          },
        },
      }),
    },
  });
}

/** The directory is watched, not the file: Kubernetes replaces a mounted Secret by renaming a link beside it. */
function fromFile(name: string, directory: string, file: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, {
    name,
    sdsConfig: {
      configSourceSpecifier: {
        case: "pathConfigSource",
        value: { path: `${directory}/${file}`, watchedDirectory: { path: directory } },
      },
      resourceApiVersion: ApiVersion.V3,
    },
  });
}

function certificateSecretFile(directory: string): string {
  return secretFile({
    name: CERTIFICATE_SECRET,
    type: {
      case: "tlsCertificate",
      value: {
        certificateChain: inFile(directory, BOOTSTRAP_FILES.certificate),
        privateKey: inFile(directory, BOOTSTRAP_FILES.key),
        watchedDirectory: { path: directory },
      },
    },
  });
}

function rootsSecretFile(directory: string): string {
  return secretFile({
    name: ROOTS_SECRET,
    type: {
      case: "validationContext",
      value: { trustedCa: inFile(directory, BOOTSTRAP_FILES.roots), watchedDirectory: { path: directory } },
    },
  });
}

function inFile(directory: string, file: string) {
  return { specifier: { case: "filename" as const, value: `${directory}/${file}` } };
}

function secretFile(secret: Parameters<typeof typed<typeof SecretSchema>>[1]): string {
  const response = create(DiscoveryResponseSchema, { resources: [typed(SecretSchema, secret)] });
  return toJsonString(DiscoveryResponseSchema, response, {
    registry: REGISTRY,
    useProtoFieldName: true,
    prettySpaces: 2,
  });
}
