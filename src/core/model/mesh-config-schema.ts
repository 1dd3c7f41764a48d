/**
 * How a MeshConfig is written: fields, ranges and defaults. Both served versions have one schema: the older one only
 * lacks a few fields.
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../base/millis.ts";
import {
  AnyText,
  Duration,
  durationThat,
  Flag,
  fieldsOf,
  filled,
  isWhole,
  LabelName,
  listOf,
  mapOf,
  NameText,
  Port,
  SubdomainName,
  Text,
  wholeBetween,
  wholeFrom,
} from "./fields.ts";
import { HostName } from "./host-name.ts";
import { CURVES_WANTED, isCurve, isSuite, SUITES_WANTED } from "./tls-names.ts";

/** Weakest first. `TLS_AUTO` is Envoy's choice, and in no order with the others. */
const TLS_VERSIONS: readonly string[] = ["TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"];
const TLS_CHOICES = ["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"] as const;
const ENVOY_LOG_LEVELS = ["trace", "debug", "info", "warning", "warn", "error", "critical", "off"] as const;
const OSM_LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled"] as const;
const SHORTEST_RESYNC: Millis = 30_000;
const SMALLEST_KEY_BITS = 2048;
const LARGEST_KEY_BITS = 4096;

const IPV4_CIDR = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/;

const TlsVersion = oneOf(TLS_CHOICES);
const Names = listOf(NameText);
const Ports = listOf(Port);
const Ranges = listOf(v.pipe(AnyText, v.check(isIpv4Range, 'an IPv4 range such as "10.0.0.0/8"')));
const Quantities = v.nullish(
  mapOf(v.pipe(v.union([v.string(), v.number()], "a quantity such as 100m"), v.transform(String))),
  {},
);

const SomeTime = durationThat((span) => span >= 1, "a duration of 1ms or more");
const Resync = durationThat((span) => span === 0 || span >= SHORTEST_RESYNC, '"0s" or a duration of 30s or more');
const KeyBits = v.custom<number>(isKeyBits, `a whole number from ${SMALLEST_KEY_BITS} to ${LARGEST_KEY_BITS}`);

/** Of a server that proxies talk to; "" if none is named. */
const MaybeHost = v.nullish(
  v.union([v.literal(""), HostName], "the name of a host, or an address, without a port"),
  "",
);
const UrlPath = v.pipe(AnyText, v.startsWith("/", 'a path, which begins with "/"'));

const Sidecar = v.pipe(
  fieldsOf({
    enablePrivilegedInitContainer: Flag,
    logLevel: filled(oneOf(ENVOY_LOG_LEVELS), "error"),
    envoyImage: Text,
    envoyWindowsImage: Text,
    initContainerImage: Text,
    maxDataPlaneConnections: v.nullish(wholeFrom(0), 0),
    configResyncInterval: filled(Resync, "0s"),
    resources: v.nullish(fieldsOf({ limits: Quantities, requests: Quantities }), {}),
    tlsMinProtocolVersion: filled(TlsVersion, "TLSv1_2"),
    tlsMaxProtocolVersion: filled(TlsVersion, "TLSv1_3"),
    cipherSuites: listOf(v.pipe(AnyText, v.check(isSuite, SUITES_WANTED))),
    ecdhCurves: listOf(v.pipe(AnyText, v.check(isCurve, CURVES_WANTED))),
    localProxyMode: filled(oneOf(["Localhost", "PodIP"]), "Localhost"),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const input = dataset.value;
    const [least, most] = [input.tlsMinProtocolVersion, input.tlsMaxProtocolVersion];
    if (least === "TLS_AUTO" || most === "TLS_AUTO" || TLS_VERSIONS.indexOf(least) <= TLS_VERSIONS.indexOf(most))
      return;
    const step = { type: "object", origin: "value", input, key: "tlsMaxProtocolVersion", value: most } as const;
    addIssue({ message: `${least} (tlsMinProtocolVersion) or newer`, input: most, path: [step] });
  }),
);

/** Envoy's own numbers, but for the share: a tenth of three endpoints is none. */
const Outliers = fieldsOf({
  consecutiveErrors: filled(wholeBetween(1, 1000), 5),
  interval: filled(SomeTime, "10s"),
  baseEjectionTime: filled(SomeTime, "30s"),
  maxEjectionPercent: filled(wholeBetween(1, 100), 50),
});

const Traffic = fieldsOf({
  enableEgress: Flag,
  outboundIPRangeExclusionList: Ranges,
  outboundIPRangeInclusionList: Ranges,
  outboundPortExclusionList: Ports,
  inboundPortExclusionList: Ports,
  networkInterfaceExclusionList: Names,
  enablePermissiveTrafficPolicyMode: Flag,
  requestTimeout: v.nullish(Duration),
  idleTimeout: v.nullish(Duration),
  outlierDetection: v.nullish(Outliers),
  inboundExternalAuthorization: v.nullish(
    fieldsOf({
      enable: Flag,
      address: MaybeHost,
      port: v.nullish(v.union([v.literal(0), Port], "a port from 1 to 65535"), 0),
      statPrefix: filled(AnyText, "inboundExtAuthz"),
      timeout: filled(Duration, "1s"),
      failureModeAllow: Flag,
    }),
    {},
  ),
});

const Observability = fieldsOf({
  osmLogLevel: filled(oneOf(OSM_LOG_LEVELS), "info"),
  enableDebugServer: Flag,
  tracing: v.nullish(
    fieldsOf({
      enable: Flag,
      port: filled(Port, 9411),
      address: MaybeHost,
      endpoint: filled(UrlPath, "/api/v2/spans"),
      sampling: v.nullish(v.custom<number>(isPercent, "a number from 0 to 100"), 100),
    }),
    {},
  ),
});

const Certificate = fieldsOf({
  serviceCertValidityDuration: filled(Duration, "24h"),
  certKeyBitSize: filled(KeyBits, SMALLEST_KEY_BITS),
  ingressGateway: v.nullish(
    fieldsOf({
      subjectAltNames: v.pipe(v.array(NameText, "a list of names"), v.minLength(1, "a list of at least one name")),
      validityDuration: filled(Duration, "24h"),
      secret: fieldsOf({ namespace: LabelName, name: SubdomainName }),
    }),
  ),
});

/** For kinds that OSM's chart turned on, without always writing so: absent is true. */
const FlagOnByDefault = v.nullish(v.boolean("true or false"), true);

const Features = fieldsOf({
  enableWASMStats: Flag,
  enableEgressPolicy: FlagOnByDefault,
  enableMulticlusterMode: Flag,
  enableSnapshotCacheMode: Flag,
  enableAsyncProxyServiceMapping: Flag,
  enableIngressBackendPolicy: FlagOnByDefault,
  enableEnvoyActiveHealthChecks: Flag,
  enableRetryPolicy: Flag,
  enableMeshRootCertificate: Flag,
});

export const MeshConfigSpec = fieldsOf({
  sidecar: v.nullish(Sidecar, {}),
  traffic: v.nullish(Traffic, {}),
  observability: v.nullish(Observability, {}),
  certificate: v.nullish(Certificate, {}),
  featureFlags: v.nullish(Features, {}),
});

function oneOf<const C extends readonly string[]>(choices: C) {
  return v.picklist(choices, `one of ${choices.join(", ")}`);
}

function isIpv4Range(text: string): boolean {
  const [, ...parts] = IPV4_CIDR.exec(text) ?? [];
  return parts.length === 5 && parts.every((part, i) => Number(part) <= (i < 4 ? 255 : 32));
}

function isPercent(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 100;
}

function isKeyBits(value: unknown): boolean {
  return isWhole(value) && value >= SMALLEST_KEY_BITS && value <= LARGEST_KEY_BITS;
}
