/**
 * UpstreamTrafficSettings → which one is in force for a Service, or for one pod of a StatefulSet (dataplane spec 2.13,
 * with the short names that the API promises).
 *
 * @module
 */
import type { Finding } from "../base/finding.ts";
import { keyOf } from "../base/ref.ts";
import { type Report, reportTo } from "../base/report.ts";
import type { Egress } from "../model/egress.ts";
import { refOf } from "../model/object.ts";
import type { UpstreamTrafficSetting } from "../model/upstream-traffic-setting.ts";
import { oldestFirst } from "./precedence.ts";
import type { ServiceNode } from "./service-node.ts";

/** A setting and whom it is for. */
export interface SettingBinding {
  /** The pod's host name; "" for the Service itself. */
  readonly host: string;
  readonly setting: UpstreamTrafficSetting;
}

export interface LinkedSettings {
  /** By the Service's `namespace/name`; of each host one. */
  readonly byService: ReadonlyMap<string, readonly SettingBinding[]>;
  readonly findings: readonly Finding[];
}

export interface SettingSources {
  readonly settings: Iterable<UpstreamTrafficSetting>;
  readonly egresses: Iterable<Egress>;
  readonly services: ReadonlyMap<string, ServiceNode>;
}

export function linkSettings({ settings, egresses, services }: SettingSources): LinkedSettings {
  const named = new Set([...egresses].flatMap(settingsNamedBy));
  const byService = new Map<string, SettingBinding[]>();
  const findings: Finding[] = [];
  for (const setting of [...settings].sort(oldestFirst)) {
    const report = reportTo(findings, refOf(setting));
    const place = placeOf(setting, services);
    if (place === undefined) {
      // An Egress that names the object does not look at its host.
      if (!named.has(keyOf(setting.meta))) report("upstream-setting-host-missing", "spec.host", missing(setting));
      continue;
    }
    const bindings = byService.get(keyOf(place.service)) ?? [];
    const winner = bindings.find(({ host }) => host === place.host);
    if (winner !== undefined) {
      const message = `UpstreamTrafficSetting ${keyOf(winner.setting.meta)} is already in force for ${keyOf(place.service)} and is older or first by name: merge the two`;
      report("upstream-setting-duplicate", "spec.host", message);
      continue;
    }
    byService.set(keyOf(place.service), [...bindings, { host: place.host, setting }]);
    adviseOnLimits(setting, { service: place.service, services }, report);
  }
  return { byService, findings };
}

/** What is in force for a port: the setting of its own host, otherwise the Service's. */
export function settingOf(
  byService: LinkedSettings["byService"],
  service: ServiceNode,
  host: string,
): UpstreamTrafficSetting | undefined {
  const bindings = byService.get(keyOf(service)) ?? [];
  return (bindings.find((one) => one.host === host) ?? bindings.find((one) => one.host === ""))?.setting;
}

function settingsNamedBy({ meta, matches }: Egress): readonly string[] {
  return matches
    .filter(({ kind }) => kind === "UpstreamTrafficSetting")
    .map(({ name }) => keyOf({ namespace: meta.namespace, name }));
}

interface Place {
  readonly service: ServiceNode;
  readonly host: string;
}

const SUFFIXES = [".svc.cluster.local", ".svc.cluster", ".svc"];

/**
 * Reads a host as `svc`, `svc.ns` and so on up to the full name; or as one pod's, which has its name in front. Only
 * Services of the setting's own namespace are meant. OSM took the full name alone.
 */
function placeOf(
  { meta: { namespace }, host }: UpstreamTrafficSetting,
  services: ReadonlyMap<string, ServiceNode>,
): Place | undefined {
  const suffix = SUFFIXES.find((one) => host.endsWith(one)) ?? "";
  const labels = host.slice(0, host.length - suffix.length).split(".");
  const qualified = labels.length > 1 && labels.at(-1) === namespace;
  // `a.b` is Service `a` of namespace `b`, or pod `a` of Service `b` where that is no namespace of ours.
  const readings = [...(qualified ? [labels.slice(0, -1)] : []), ...(suffix === "" ? [labels] : [])];
  for (const [first = "", second, ...more] of readings) {
    if (more.length > 0) continue;
    const [name, pod] = second === undefined ? [first, ""] : [second, first];
    const service = services.get(keyOf({ namespace, name }));
    if (service !== undefined) return { service, host: pod };
  }
  return undefined;
}

function missing({ meta: { namespace }, host }: UpstreamTrafficSetting): string {
  return `"${host}" is no Service of the mesh in namespace ${namespace}: write svc, svc.${namespace} or svc.${namespace}.svc.cluster.local, or name this object in an Egress`;
}

interface Bound {
  readonly service: ServiceNode;
  readonly services: ReadonlyMap<string, ServiceNode>;
}

function adviseOnLimits(setting: UpstreamTrafficSetting, { service, services }: Bound, report: Report): void {
  const { rateLimit, httpRoutes } = setting;
  adviseOnRoutes(setting, report);
  const limitsRequests = rateLimit.local.http ?? rateLimit.global.http ?? httpRoutes[0];
  if (limitsRequests !== undefined && service.ports.length > 0 && service.ports.every(isTcp)) {
    const message = `no port of Service ${keyOf(service)} carries HTTP, so limits on requests have no effect: limit connections (rateLimit.local.tcp), or write appProtocol: http`;
    report("rate-limit-without-http", "spec.rateLimit", message);
  }
  for (const kind of ["tcp", "http"] as const) {
    const host = rateLimit.global[kind]?.rateLimitService.host;
    const asked = host === undefined ? undefined : meshedService(host, setting.meta.namespace, services);
    if (asked === undefined) continue;
    const message = `Service ${keyOf(asked)} has sidecars, but proxies ask a rate limit service in clear text: run it in a namespace outside the mesh`;
    report("rate-limit-service-meshed", `spec.rateLimit.global.${kind}.rateLimitService.host`, message);
  }
}

function adviseOnRoutes({ rateLimit, httpRoutes }: UpstreamTrafficSetting, report: Report): void {
  if (rateLimit.global.http !== undefined) return;
  httpRoutes.forEach((route, i) => {
    if (route.rateLimit.global.length === 0) return;
    const message = "it does not say which service to ask: add spec.rateLimit.global.http with its domain and host";
    report("rate-limit-service-missing", `spec.httpRoutes[${i}].rateLimit.global`, message);
  });
}

function isTcp({ carriage }: ServiceNode["ports"][number]): boolean {
  return carriage === "tcp";
}

/** Read as the resolver of a pod in `namespace` would: `svc`, `svc.ns` and longer. */
function meshedService(
  host: string,
  namespace: string,
  services: ReadonlyMap<string, ServiceNode>,
): ServiceNode | undefined {
  const [name = "", ns = namespace, ...rest] = host.split(".");
  const spelled = ["", "svc", "svc.cluster.local"].includes(rest.join("."));
  const service = spelled ? services.get(keyOf({ namespace: ns, name })) : undefined;
  return service !== undefined && service.accounts.length > 0 ? service : undefined;
}
