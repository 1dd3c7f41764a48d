/**
 * The kinds of `policy.openservicemesh.io`, but for UpstreamTrafficSetting, which has a file of its own.
 *
 * @module
 */
import type { Column, Resource } from "./crd.ts";
import {
  choice,
  DURATION,
  FLAG,
  FREE_STATUS,
  list,
  object,
  PORT,
  RANGES,
  type Schema,
  says,
  text,
  textMap,
  whole,
} from "./schema.ts";
import { UPSTREAM_SPEC } from "./upstream-traffic-setting.ts";

const GROUP = "policy.openservicemesh.io";

const STATUS_COLUMN: Column = {
  name: "Status",
  type: "string",
  jsonPath: ".status.currentStatus",
  description: "What became of the policy.",
};

const NOT_EMPTY = text(undefined, { minLength: 1 });
const NAMED = object({ kind: text(), name: text(), namespace: text() }, ["kind", "name", "namespace"]);
const MATCHES = list(object({ apiGroup: text(), kind: text(), name: text() }, ["apiGroup", "kind", "name"]));
const NUMBERED_PORT = object({ number: PORT, protocol: text() }, ["number", "protocol"]);

const EGRESS = object(
  {
    sources: says(
      "Who may call.",
      list(
        object({ kind: choice(["ServiceAccount"]), name: text(), namespace: text() }, ["kind", "name", "namespace"]),
      ),
    ),
    hosts: list(text()),
    ipAddresses: RANGES,
    ports: list(NUMBERED_PORT),
    matches: says("HTTPRouteGroups that narrow it, and at most one UpstreamTrafficSetting.", MATCHES),
  },
  ["sources", "ports"],
);

const INGRESS_BACKEND = object(
  {
    backends: list(
      object(
        {
          name: text("Name of a Service."),
          port: says("The Service's target port.", NUMBERED_PORT),
          tls: object({ skipClientCertValidation: FLAG, sniHosts: list(text()) }, ["skipClientCertValidation"]),
        },
        ["name", "port"],
      ),
    ),
    sources: list(
      object({ kind: text("Service, AuthenticatedPrincipal or IPRange."), name: text(), namespace: text() }, [
        "kind",
        "name",
      ]),
    ),
    matches: MATCHES,
  },
  ["backends", "sources"],
);

const RETRY = object(
  {
    source: says("A ServiceAccount.", NAMED),
    destinations: says("Services.", list(NAMED)),
    retryPolicy: object(
      {
        retryOn: text("Envoy's conditions, divided by commas."),
        perTryTimeout: DURATION,
        numRetries: whole(),
        retryBackoffBaseInterval: DURATION,
      },
      ["retryOn", "perTryTimeout", "numRetries", "retryBackoffBaseInterval"],
    ),
  },
  ["source", "destinations", "retryPolicy"],
);

const TELEMETRY = object({
  selector: textMap("Labels of the pods that it is for. Left out: all pods of the namespace."),
  accessLog: object({
    format: text("A format string of Envoy's, or JSON.", { minLength: 1 }),
    openTelemetry: object(
      {
        extensionService: object({ namespace: NOT_EMPTY, name: NOT_EMPTY }, ["namespace", "name"]),
        attributes: textMap(),
      },
      ["extensionService"],
    ),
  }),
});

export const POLICY_KINDS: readonly Resource[] = [
  policy("Egress", "egresses", "What identities may reach outside the mesh.", object({ spec: EGRESS })),
  withStatus("IngressBackend", "ingressbackends", "What may reach Services from outside the mesh.", INGRESS_BACKEND),
  policy("Retry", "retries", "How calls of one identity to Services are repeated.", object({ spec: RETRY })),
  withStatus("Telemetry", "telemetries", "What proxies write about requests, and where to.", TELEMETRY),
  withStatus(
    "UpstreamTrafficSetting",
    "upstreamtrafficsettings",
    "Limits of connections and requests to one host.",
    UPSTREAM_SPEC,
  ),
];

function policy(kind: string, plural: string, description: string, schema: Schema): Resource {
  const version = { name: "v1alpha1", storage: true, schema: says(description, schema) } as const;
  return { group: GROUP, kind, plural, short: kind.toLowerCase(), versions: [version] };
}

function withStatus(kind: string, plural: string, description: string, spec: Schema): Resource {
  const resource = policy(kind, plural, description, object({ spec, status: FREE_STATUS }));
  return {
    ...resource,
    versions: resource.versions.map((version) => ({ ...version, status: true, columns: [STATUS_COLUMN] })),
  };
}
