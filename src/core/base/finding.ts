/**
 * Findings: what an operator wrote wrong, as data. Webhook answer, status, CLI and metrics show the same text.
 *
 * @module
 */
import { compareRefs, compareText, type ObjectRef, refText } from "./ref.ts";

/** Every code, once. Documentation and metric labels come from this table. */
export const FINDINGS = {
  "object-invalid": {
    severity: "error",
    help: "The object cannot be read. The last accepted version of it, if there was one, stays in force.",
  },
  "field-unknown": {
    severity: "warning",
    help: "A field that this kind does not have, often a misspelling. It has no effect.",
  },
  "field-invalid": {
    severity: "error",
    help: "A field has a value that cannot be used. Its default (or the nearest allowed value) is in force, or the entry of a list is left out. The rest of the object counts.",
  },
  "version-unserved": {
    severity: "error",
    help: "This version of the kind is not served. Write the object in a served version.",
  },
  "target-namespace-mismatch": {
    severity: "error",
    help: "A TrafficTarget must live in the namespace of its destination. It grants nothing until it does.",
  },
  "target-rules-empty": {
    severity: "error",
    help: "A TrafficTarget without rules grants nothing.",
  },
  "target-rule-kind": {
    severity: "error",
    help: "A rule is neither an HTTPRouteGroup nor a TCPRoute. The whole TrafficTarget grants nothing, as in OSM.",
  },
  "target-identity-kind": {
    severity: "error",
    help: "Sources and destination must be service accounts. One that is not is left out.",
  },
  "target-matches-omitted": {
    severity: "warning",
    help: "A rule names an HTTPRouteGroup but none of its matches, which allows no HTTP request. List the matches.",
  },
  "route-group-missing": {
    severity: "error",
    help: "A rule names an HTTPRouteGroup that does not exist in the TrafficTarget's namespace. Its routes are not allowed.",
  },
  "route-match-missing": {
    severity: "error",
    help: "A rule names a match that the HTTPRouteGroup does not have. That match allows nothing.",
  },
  "route-match-duplicate": {
    severity: "warning",
    help: "Two matches of one HTTPRouteGroup have the same name. The later one stands, as in OSM.",
  },
  "tcp-route-missing": {
    severity: "error",
    help: "A rule names a TCPRoute that does not exist in the TrafficTarget's namespace. The whole target is denied at layer 4.",
  },
  "split-root-missing": {
    severity: "error",
    help: "The root Service of a TrafficSplit does not exist in its namespace. The split has no effect.",
  },
  "split-backend-missing": {
    severity: "error",
    help: "A backend Service of a TrafficSplit does not exist. Its share goes to the other backends.",
  },
  "split-backend-port-missing": {
    severity: "error",
    help: "A backend Service lacks a port that the root has. On that port its share goes to the other backends.",
  },
  "split-weights-zero": {
    severity: "error",
    help: "No usable backend of a TrafficSplit has a weight above zero. Requests to the root get 503.",
  },
  "split-duplicate": {
    severity: "error",
    help: "Two TrafficSplits have the same root. The older one, then the first by name, is in force.",
  },
  "split-recursive": {
    severity: "warning",
    help: "A backend of a TrafficSplit is itself the root of another. The inner split is not followed, as in OSM.",
  },
  "service-without-selector": {
    severity: "warning",
    help: "A Service in the mesh has no selector and its addresses are not pods of the mesh. It is left out of the mesh.",
  },
  "service-pod-without-sidecar": {
    severity: "warning",
    help: "A Service in the mesh selects a pod without a sidecar. The pod is left out, since it cannot speak mutual TLS.",
  },
  "port-protocol-unsupported": {
    severity: "error",
    help: "The port's protocol is not one that the mesh can carry. The port is left out.",
  },
  "port-protocol-assumed": {
    severity: "warning",
    help: "Nothing says how the port's traffic is carried, so HTTP was taken, which looks wrong. Write `appProtocol`.",
  },
  "port-udp": {
    severity: "warning",
    help: "The mesh carries TCP only. A UDP or SCTP port goes past the sidecar.",
  },
  "port-target-unresolved": {
    severity: "warning",
    help: "A Service port names a target port that no endpoint or selected pod has. The Service port's own number is assumed.",
  },
  "address-conflict": {
    severity: "error",
    help: "Two Services claim the same address and port with different protocols. The first by name keeps it.",
  },
  "domain-conflict": {
    severity: "error",
    help: "Two Services answer to the same host name on one port. The first by name keeps it.",
  },
  "inbound-conflict": {
    severity: "error",
    help: "Two ports of one Service lead to the same target port with different protocols. The first keeps it.",
  },
  "pod-uuid-duplicate": {
    severity: "error",
    help: "Two pods carry the same osm-proxy-uuid label. If they are of one account, neither proxy is let in until one is removed.",
  },
  "policy-disabled": {
    severity: "warning",
    help: "A feature flag of the MeshConfig turns this kind off. The object has no effect.",
  },
  "range-ipv6": {
    severity: "error",
    help: "A range of IPv6 addresses, which the sidecar does not carry. It is left out; if it was the only one, nothing is allowed.",
  },
  "egress-mesh-wide": {
    severity: "warning",
    help: "Mesh-wide egress is on, so Egress objects neither open nor narrow anything.",
  },
  "egress-setting-missing": {
    severity: "error",
    help: "An Egress names an UpstreamTrafficSetting that does not exist in its namespace. It opens nothing until it does, as in OSM.",
  },
  "egress-routes-missing": {
    severity: "error",
    help: "An Egress names an HTTPRouteGroup that does not exist in its namespace. The requests of that group get 404.",
  },
  "egress-hosts-missing": {
    severity: "error",
    help: "An Egress with an http port lists no host. It allows no HTTP request.",
  },
  "egress-hosts-unused": {
    severity: "warning",
    help: "The hosts of an Egress do not narrow one of its ports as they may seem to.",
  },
  "egress-conflict": {
    severity: "error",
    help: "Two Egress objects of one source say different things about the same host or address on one port. The older one, then the first by name, is in force.",
  },
  "retry-destination-missing": {
    severity: "error",
    help: "A destination of a Retry is no Service of the mesh. Calls to it are not repeated.",
  },
  "retry-duplicate": {
    severity: "error",
    help: "Two Retry objects name the same account and Service. The older one, then the first by name, is in force.",
  },
  "upstream-setting-host-missing": {
    severity: "error",
    help: "The host of an UpstreamTrafficSetting is no Service of its namespace, and no Egress names the object. It has no effect.",
  },
  "upstream-setting-duplicate": {
    severity: "error",
    help: "Two UpstreamTrafficSettings have the same host. The older one, then the first by name, is in force.",
  },
  "rate-limit-service-missing": {
    severity: "error",
    help: "A route has descriptors for a rate limit service, but the object names none in rateLimit.global.http. Nothing is asked.",
  },
  "rate-limit-service-meshed": {
    severity: "error",
    help: "A rate limit service is a Service of the mesh. Proxies ask it in clear text, which its own proxy refuses.",
  },
  "rate-limit-without-http": {
    severity: "warning",
    help: "An UpstreamTrafficSetting limits requests to a Service without an HTTP port. They are not limited.",
  },
  "rate-limit-path-unmatched": {
    severity: "warning",
    help: "A route of an UpstreamTrafficSetting has a path that no route of the Service has. It limits nothing.",
  },
  "ingress-backend-missing": {
    severity: "error",
    help: "A backend of an IngressBackend is no Service of the mesh in its namespace. Nothing is opened for it.",
  },
  "ingress-port-missing": {
    severity: "error",
    help: "A backend of an IngressBackend names a port that no port of the Service leads to. It is the target port, where the pod listens.",
  },
  "ingress-source-empty": {
    severity: "error",
    help: "A source of an IngressBackend is a Service without endpoints. Nobody is let in from there until it has some.",
  },
  "ingress-nobody": {
    severity: "error",
    help: "The sources of an IngressBackend can let in nobody, so nothing is opened for the backend.",
  },
  "ingress-open": {
    severity: "warning",
    help: "Everybody who can reach the pods is let in: no source narrows it.",
  },
  "ingress-principal-unchecked": {
    severity: "warning",
    help: "An AuthenticatedPrincipal that nothing proves, since no client certificate is asked for.",
  },
  "ingress-conflict": {
    severity: "error",
    help: "Two IngressBackends say who may come to one place. The older one, then the first by name, is in force.",
  },
  "ingress-routes-missing": {
    severity: "error",
    help: "An IngressBackend names an HTTPRouteGroup that does not exist in its namespace. The requests of that group get 404.",
  },
  "ingress-match-unused": {
    severity: "warning",
    help: "An IngressBackend refers to an object that has no effect on it.",
  },
  "mesh-config-name": {
    severity: "warning",
    help: "Only the MeshConfig named osm-mesh-config in the mesh namespace has an effect.",
  },
  "mesh-config-no-effect": {
    severity: "warning",
    help: "A field of the MeshConfig is set that has no effect here. It is kept so that manifests of OSM apply unchanged.",
  },
  "pods-need-restart": {
    severity: "warning",
    help: "A field of the MeshConfig reaches a pod only when it is created, and these pods have another value. Restart them.",
  },
  "proxy-limit": {
    severity: "error",
    help: "More proxies want to connect than sidecar.maxDataPlaneConnections allows to one control plane. Those named get no configuration.",
  },
  "telemetry-duplicate": {
    severity: "error",
    help: "Two Telemetries of one namespace are for the same pod. The older one, then the first by name, is in force there.",
  },
  "extension-service-missing": {
    severity: "error",
    help: "An ExtensionService that is named does not exist. What would be sent there is not sent.",
  },
  "authorization-unreachable": {
    severity: "error",
    help: "Requests must be shown to an external authoriser, but no address or port of it is given. failureModeAllow decides about all of them.",
  },
  "authorization-overridden": {
    severity: "warning",
    help: "An annotation of the Service takes it out of the mesh's external authorisation. Nobody is asked about its requests.",
  },
  "proxy-rejected": {
    severity: "error",
    help: "Envoy refused a part of its configuration and keeps the last good one. This is our bug or an Envoy that is too old.",
  },
} as const satisfies Record<string, { readonly severity: "error" | "warning"; readonly help: string }>;

export type FindingCode = keyof typeof FINDINGS;
export type Severity = "error" | "warning";

export interface Finding {
  readonly code: FindingCode;
  readonly about: ObjectRef;
  /** Where in the object: `spec.rules[0].matches[1]`; "" for the whole of it. */
  readonly path: string;
  /** Lower case, names the thing and the values, says the way out. */
  readonly message: string;
}

export function finding(code: FindingCode, about: ObjectRef, path: string, message: string): Finding {
  return {
    code,
    about: { kind: about.kind, namespace: about.namespace, name: about.name },
    path,
    message,
  };
}

export function severityOf({ code }: Finding): Severity {
  return FINDINGS[code].severity;
}

/** One line for logs and the CLI: `error traffic-target-… TrafficTarget ns/name spec.rules[0]: message`. */
export function findingText(one: Finding): string {
  const where = one.path === "" ? refText(one.about) : `${refText(one.about)} ${one.path}`;
  return `${severityOf(one)} ${one.code} ${where}: ${one.message}`;
}

export function compareFindings(a: Finding, b: Finding): number {
  return (
    compareRefs(a.about, b.about) ||
    compareText(a.path, b.path) ||
    compareText(a.code, b.code) ||
    compareText(a.message, b.message)
  );
}

/** Sorted, each once. */
export function tidyFindings(all: readonly Finding[]): readonly Finding[] {
  const sorted = [...all].sort(compareFindings);
  return sorted.filter((one, i) => {
    const before = sorted[i - 1];
    return before === undefined || compareFindings(before, one) !== 0;
  });
}
