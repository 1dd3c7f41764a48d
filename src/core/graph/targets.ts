/**
 * TrafficTargets → who may do what with whom, references resolved (dataplane spec 2.9, 2.10).
 *
 * Absence is never permission: what a target names and cannot be found allows nothing.
 *
 * @module
 */
import type { Finding } from "../base/finding.ts";
import type { ServiceAccountName } from "../base/identity.ts";
import { memoByParts } from "../base/memo.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import { compareNames, compareText, keyOf } from "../base/ref.ts";
import { type Report, reportTo } from "../base/report.ts";
import type { HttpMatch } from "../model/http-route-group.ts";
import { refOf } from "../model/object.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { IdentityRef, TargetRule, TrafficTarget } from "../model/traffic-target.ts";

export interface TargetNode {
  readonly namespace: string;
  readonly name: string;
  readonly destination: ServiceAccountName;
  /** Sorted, each once, never empty. */
  readonly sources: readonly ServiceAccountName[];
  /** The HTTP requests that it allows; none: none. */
  readonly matches: readonly HttpMatch[];
  /** At layer 4: any port, these target ports, or (a TCPRoute is missing) nothing. */
  readonly ports:
    | { readonly kind: "any" }
    | { readonly kind: "these"; readonly ports: NonEmpty<number> }
    | { readonly kind: "none" };
}

export interface LinkedTargets {
  /** Sorted by namespace and name. */
  readonly targets: readonly TargetNode[];
  readonly findings: readonly Finding[];
}

export function linkTargets(snapshot: Snapshot, isMember: (namespace: string) => boolean): LinkedTargets {
  const findings: Finding[] = [];
  const targets: TargetNode[] = [];
  for (const target of snapshot.objects.TrafficTarget.values()) {
    if (!isMember(target.meta.namespace)) continue;
    const linked = linkedTarget(target, snapshot);
    findings.push(...linked.findings);
    if (linked.node !== undefined) targets.push(linked.node);
  }
  return { targets: targets.sort(compareNames), findings };
}

interface Linked {
  readonly node: TargetNode | undefined;
  readonly findings: readonly Finding[];
}

const lastLinked = memoByParts<TrafficTarget, Linked>();

/** The last node of this TrafficTarget, if its rules still mean the same: later stages compare nodes by reference. */
function linkedTarget(target: TrafficTarget, snapshot: Snapshot): Linked {
  const rules = target.rules.map((rule) => meantBy(rule, target.meta.namespace, snapshot));
  return lastLinked(target, rules, () => {
    const findings: Finding[] = [];
    return { node: linkTarget(target, snapshot, reportTo(findings, refOf(target))), findings };
  });
}

function meantBy({ kind, name }: TargetRule, namespace: string, { objects }: Snapshot): unknown {
  const key = keyOf({ namespace, name });
  return kind === "TCPRoute" ? objects.TCPRoute.get(key) : objects.HTTPRouteGroup.get(key);
}

function linkTarget(target: TrafficTarget, snapshot: Snapshot, report: Report): TargetNode | undefined {
  const { namespace, name } = target.meta;
  const destination = linkIdentity(target.destination, "spec.destination", report);
  if (destination !== undefined && destination.namespace !== namespace) {
    const message = `the destination is in namespace ${destination.namespace}, the TrafficTarget in ${namespace}: move it to ${destination.namespace}`;
    report("target-namespace-mismatch", "spec.destination.namespace", message);
    return undefined;
  }
  const sources = target.sources.flatMap((source, i) => linkIdentity(source, `spec.sources[${i}]`, report) ?? []);
  if (!rulesAreUsable(target.rules, report) || destination === undefined || sources.length === 0) return undefined;
  const routes = linkHttpRules(target, snapshot, report);
  return {
    namespace,
    name,
    destination,
    sources: [...new Map(sources.map((source) => [keyOf(source), source])).values()].sort(compareNames),
    matches: routes,
    ports: linkTcpRules(target, snapshot, report),
  };
}

function linkIdentity(
  { kind, namespace, name }: IdentityRef,
  path: string,
  report: Report,
): ServiceAccountName | undefined {
  if (kind !== "ServiceAccount") {
    report("target-identity-kind", `${path}.kind`, `"${kind}" ${name} is no identity: only ServiceAccount is`);
    return undefined;
  }
  if (namespace === "") {
    report(
      "target-identity-kind",
      `${path}.namespace`,
      `service account ${name} has no namespace: write the one that it is in`,
    );
    return undefined;
  }
  return { namespace, name };
}

/** One rule of a wrong kind voids the whole target, as in OSM. */
function rulesAreUsable(rules: readonly TargetRule[], report: Report): boolean {
  if (rules.length === 0)
    report(
      "target-rules-empty",
      "spec.rules",
      "there is no rule, so nothing is allowed: add an HTTPRouteGroup or a TCPRoute",
    );
  const wrong = rules.findIndex(({ kind }) => kind !== "HTTPRouteGroup" && kind !== "TCPRoute");
  if (wrong >= 0) {
    report(
      "target-rule-kind",
      `spec.rules[${wrong}].kind`,
      `"${rules[wrong]?.kind}" is neither HTTPRouteGroup nor TCPRoute: the whole target allows nothing`,
    );
  }
  return rules.length > 0 && wrong < 0;
}

function linkHttpRules(target: TrafficTarget, snapshot: Snapshot, report: Report): readonly HttpMatch[] {
  const { namespace } = target.meta;
  return target.rules.flatMap((rule, i) => {
    if (rule.kind !== "HTTPRouteGroup") return [];
    const path = `spec.rules[${i}]`;
    const group = snapshot.objects.HTTPRouteGroup.get(keyOf({ namespace, name: rule.name }));
    if (group === undefined) {
      report(
        "route-group-missing",
        `${path}.name`,
        `no HTTPRouteGroup ${namespace}/${rule.name}: create it, in this namespace`,
      );
      return [];
    }
    if (rule.matches === undefined || rule.matches.length === 0) {
      const names = group.matches.map(({ name }) => name).join(", ");
      report(
        "target-matches-omitted",
        `${path}.matches`,
        `no match of HTTPRouteGroup ${rule.name} is listed, so no HTTP request is allowed: list some of [${names}]`,
      );
      return [];
    }
    return rule.matches.flatMap((name, j) => {
      const match = group.matches.find((candidate) => candidate.name === name);
      if (match === undefined) {
        const names = group.matches.map((candidate) => candidate.name).join(", ");
        report(
          "route-match-missing",
          `${path}.matches[${j}]`,
          `HTTPRouteGroup ${rule.name} has no match "${name}": it has [${names}]`,
        );
      }
      return match ?? [];
    });
  });
}

function linkTcpRules(target: TrafficTarget, snapshot: Snapshot, report: Report): TargetNode["ports"] {
  const { namespace } = target.meta;
  const rules = target.rules.map((rule, i) => ({ rule, i })).filter(({ rule }) => rule.kind === "TCPRoute");
  if (rules.length === 0) return { kind: "any" };
  const found = rules.map(({ rule, i }) => {
    const route = snapshot.objects.TCPRoute.get(keyOf({ namespace, name: rule.name }));
    if (route === undefined) {
      report(
        "tcp-route-missing",
        `spec.rules[${i}].name`,
        `no TCPRoute ${namespace}/${rule.name}: create it, in this namespace`,
      );
    }
    return route;
  });
  if (found.includes(undefined)) return { kind: "none" };
  const [first, ...rest] = [...new Set(found.flatMap((route) => route?.ports ?? []))].sort((a, b) => a - b);
  return first === undefined ? { kind: "none" } : { kind: "these", ports: [first, ...rest] };
}

/** The order that lists of matches are kept in, so that the order of objects and rules never shows. */
export function compareMatches(a: HttpMatch, b: HttpMatch): number {
  // Longer patterns are more often the more particular ones; the order is for people who read a dump.
  return b.pathRegex.length - a.pathRegex.length || compareText(conditionsOf(a), conditionsOf(b));
}

/** Without the name, which is for references alone: renaming a match changes no proxy. */
function conditionsOf({ pathRegex, methods, headers }: HttpMatch): string {
  return JSON.stringify([pathRegex, methods, headers]);
}
