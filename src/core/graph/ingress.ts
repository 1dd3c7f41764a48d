/**
 * IngressBackends → the ways into Services for gateways outside the mesh (dataplane spec 2.15).
 *
 * An object opens Services of its own namespace alone. Its sources may be Services of any namespace, in the mesh or not.
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import { memoByParts, sameItems } from "../base/memo.ts";
import type { Millis } from "../base/millis.ts";
import { keyOf, type NamespacedName } from "../base/ref.ts";
import { type Report, reportTo } from "../base/report.ts";
import type { HttpMatch } from "../model/http-route-group.ts";
import type { IngressBackend, IngressBackendPort } from "../model/ingress-backend.ts";
import type { MeshConfig } from "../model/mesh-config.ts";
import { refOf } from "../model/object.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { indexSlices, type SliceIndex } from "./endpoints.ts";
import { type Admission, admissionOf, type SourceService, sourceAddresses } from "./ingress-sources.ts";
import { oldestFirst } from "./precedence.ts";
import { type ServiceNode, targetPortIn } from "./service-node.ts";

/** One backend of an IngressBackend that lets somebody in. */
export interface IngressNode extends Admission {
  /** Of the object, and of the Service. */
  readonly namespace: string;
  readonly name: string;
  readonly createdAt: Millis;
  readonly service: string;
  /** The target port. */
  readonly port: number;
  readonly protocol: "http" | "https";
  /** Empty: any. */
  readonly serverNames: readonly string[];
  /** The requests that are let in; undefined: all. */
  readonly matches: readonly HttpMatch[] | undefined;
}

export interface LinkedIngress {
  /** The oldest first, then by name; each Service and port once. */
  readonly nodes: readonly IngressNode[];
  readonly findings: readonly Finding[];
}

/** @param services - Of the mesh, by `namespace/name`. */
export function linkIngress(
  snapshot: Snapshot,
  config: MeshConfig,
  services: ReadonlyMap<string, ServiceNode>,
  isMember: (namespace: string) => boolean,
): LinkedIngress {
  const members = [...snapshot.objects.IngressBackend.values()].filter(({ meta }) => isMember(meta.namespace));
  if (members.length === 0) return { nodes: [], findings: [] };
  if (!config.featureFlags.enableIngressBackendPolicy)
    return { nodes: [], findings: members.map((one) => finding("policy-disabled", refOf(one), "", DISABLED)) };
  const slices = indexSlices(snapshot.objects.EndpointSlice);
  const findings: Finding[] = [];
  const claims = new Map<string, IngressBackend>();
  const nodes = members.sort(oldestFirst).flatMap((object) => {
    const linked = linkedIngress(object, snapshot, slices);
    const report = reportTo(findings, refOf(object));
    findings.push(...linked.findings);
    const won = object.backends.filter((backend, i) => claim(claims, object, backend, `spec.backends[${i}]`, report));
    for (const [i, backend] of object.backends.entries()) checkService(object, backend, i, services, report);
    return linked.nodes.filter((node) => won.some((one) => one.name === node.service && one.port.number === node.port));
  });
  return { nodes, findings };
}

const DISABLED =
  "featureFlags.enableIngressBackendPolicy of the MeshConfig is false, so this object opens nothing: set it to true";

/** A Service's port is the oldest object's, also while that lets in nobody. */
function claim(
  claims: Map<string, IngressBackend>,
  object: IngressBackend,
  { name, port }: IngressBackendPort,
  path: string,
  report: Report,
): boolean {
  const key = `${keyOf({ namespace: object.meta.namespace, name })} ${port.number}`;
  const owner = claims.get(key);
  if (owner === undefined) claims.set(key, object);
  else {
    const message = `IngressBackend ${keyOf(owner.meta)} already says who may come to port ${port.number} of Service ${name} and is older or first by name: merge the two`;
    report("ingress-conflict", path, message);
  }
  return owner === undefined;
}

function checkService(
  { meta }: IngressBackend,
  { name, port }: IngressBackendPort,
  i: number,
  services: ReadonlyMap<string, ServiceNode>,
  report: Report,
): void {
  const key = keyOf({ namespace: meta.namespace, name });
  const service = services.get(key);
  if (service === undefined) {
    report("ingress-backend-missing", `spec.backends[${i}].name`, `no Service ${key} in the mesh: create it`);
    return;
  }
  const targets = new Set(
    service.ports.flatMap((one) => [one.targetPort, ...service.pods.map((pod) => targetPortIn(pod, one))]),
  );
  if (targets.has(port.number)) return;
  const message = `no port of Service ${key} leads to port ${port.number} of its pods, but to ${[...targets].sort((a, b) => a - b).join(", ") || "none"}: write the target port`;
  report("ingress-port-missing", `spec.backends[${i}].port.number`, message);
}

interface Linked {
  readonly nodes: readonly IngressNode[];
  readonly findings: readonly Finding[];
}

const lastLinked = memoByParts<IngressBackend, Linked>();

/** The last nodes of this object where they would be the same: later stages compare them by reference. */
function linkedIngress(object: IngressBackend, snapshot: Snapshot, slices: SliceIndex): Linked {
  const behind = (service: NamespacedName): SourceService => ({
    slices: slices.get(keyOf(service)) ?? [],
    endpoints: snapshot.objects.Endpoints.get(keyOf(service)),
  });
  return lastLinked(object, namedBy(object, snapshot, behind), (last) => {
    const findings: Finding[] = [];
    const made = linkBackends(object, snapshot, behind, reportTo(findings, refOf(object)));
    return { nodes: made.map((node) => last?.nodes.find((known) => sameNode(known, node)) ?? node), findings };
  });
}

/** What is behind its sources, and its route groups. */
function namedBy(
  { meta, sources, matches }: IngressBackend,
  snapshot: Snapshot,
  behind: (service: NamespacedName) => SourceService,
): readonly unknown[] {
  const services = sources.flatMap((source) => (source.kind === "Service" ? [behind(source)] : []));
  const groups = matches.map(({ name }) => groupNamed(snapshot, meta.namespace, name));
  return [...services.flatMap(({ slices, endpoints }) => [...slices, endpoints, "|"]), ...groups];
}

/** Small plain values, but for the matches, which are compared by reference. */
function sameNode({ matches: known, ...a }: IngressNode, { matches, ...b }: IngressNode): boolean {
  return sameItems(known ?? [], matches ?? []) && !known === !matches && JSON.stringify(a) === JSON.stringify(b);
}

function linkBackends(
  object: IngressBackend,
  snapshot: Snapshot,
  behind: (service: NamespacedName) => SourceService,
  report: Report,
): readonly IngressNode[] {
  const { namespace, name, createdAt } = object.meta;
  const addresses = sourceAddresses(object, behind, report);
  const matches = matchesOf(object, snapshot, report);
  return object.backends.flatMap((backend, i): readonly IngressNode[] => {
    const at = { path: `spec.backends[${i}]`, report };
    const admission = admissionOf(backend, object.sources, addresses, at);
    if (admission === undefined) return [];
    const { port, tls } = backend;
    const serverNames = port.protocol === "https" ? [...new Set(tls.sniHosts)] : [];
    const own = { service: backend.name, port: port.number, protocol: port.protocol, serverNames };
    return [{ namespace, name, createdAt, ...own, ...admission, matches }];
  });
}

const ROUTE_GROUP = /^specs\.smi-spec\.io(?:\/v1alpha4)? HTTPRouteGroup$/;

/** OSM did nothing with them. A group that is missing leaves its requests out: with no other, all get 404. */
function matchesOf(
  { meta, matches }: IngressBackend,
  snapshot: Snapshot,
  report: Report,
): readonly HttpMatch[] | undefined {
  const groups = matches.filter(({ apiGroup, kind }) => ROUTE_GROUP.test(`${apiGroup} ${kind}`));
  for (const [i, { apiGroup, kind, name }] of matches.entries()) {
    if (ROUTE_GROUP.test(`${apiGroup} ${kind}`)) continue;
    const message = `${kind} ${name} of ${apiGroup} has no effect here: only an HTTPRouteGroup of specs.smi-spec.io/v1alpha4 has`;
    report("ingress-match-unused", `spec.matches[${i}]`, message);
  }
  if (groups.length === 0) return undefined;
  return groups.flatMap((one) => {
    const group = groupNamed(snapshot, meta.namespace, one.name);
    if (group === undefined) {
      const message = `no HTTPRouteGroup ${meta.namespace}/${one.name}: create it, in this namespace; until then its requests get 404`;
      report("ingress-routes-missing", `spec.matches[${matches.indexOf(one)}].name`, message);
    }
    return group?.matches ?? [];
  });
}

function groupNamed({ objects }: Snapshot, namespace: string, name: string) {
  return objects.HTTPRouteGroup.get(keyOf({ namespace, name }));
}
