/**
 * What goes past a pod's proxy: the MeshConfig's lists together with the pod's annotations (platform spec 2.2).
 *
 * @module
 */
import type { MeshConfig } from "../model/mesh-config.ts";
import { ANNOTATIONS } from "./names.ts";
import type { RedirectionOptions } from "./redirection.ts";
import { isInterfaceName, isIpv4Range } from "./redirection.ts";

export interface Exclusions {
  readonly lists: Pick<
    RedirectionOptions,
    | "inboundPortExclusions"
    | "outboundPortExclusions"
    | "outboundIpRangeExclusions"
    | "outboundIpRangeInclusions"
    | "interfaceExclusions"
  >;
  /** Entries of the pod's own that cannot be used: it is refused, as in OSM. */
  readonly problems: readonly string[];
  /** Entries of the MeshConfig that cannot be used. One of them must not keep all pods from being created. */
  readonly warnings: readonly string[];
}

type Annotations = Readonly<Record<string, string>>;

const LARGEST_PORT = 65_535;

/** Ports: the MeshConfig's first; ranges: the pod's first; each once. */
export function readExclusions(annotations: Annotations, { traffic }: Pick<MeshConfig, "traffic">): Exclusions {
  const inbound = portsIn(annotations, ANNOTATIONS.inboundPorts);
  const outbound = portsIn(annotations, ANNOTATIONS.outboundPorts);
  const excluded = rangesIn(annotations, ANNOTATIONS.outboundExclusions);
  const included = rangesIn(annotations, ANNOTATIONS.outboundInclusions);
  const names = traffic.networkInterfaceExclusionList;
  return {
    lists: {
      inboundPortExclusions: union(traffic.inboundPortExclusionList, inbound.values),
      outboundPortExclusions: union(traffic.outboundPortExclusionList, outbound.values),
      outboundIpRangeExclusions: union(excluded.values, traffic.outboundIPRangeExclusionList),
      outboundIpRangeInclusions: union(included.values, traffic.outboundIPRangeInclusionList),
      interfaceExclusions: union(names.filter(isInterfaceName), []),
    },
    problems: [inbound, outbound, excluded, included].flatMap(({ problems }) => problems),
    warnings: names
      .filter((name) => !isInterfaceName(name))
      .map(
        (name) =>
          `MeshConfig spec.traffic.networkInterfaceExclusionList: ${quoted(name)} is no name of an interface, as in eth0 or veth+; it has no effect`,
      ),
  };
}

interface Entries<T> {
  readonly values: readonly T[];
  readonly problems: readonly string[];
}

function portsIn(annotations: Annotations, name: string): Entries<number> {
  return readEntries(annotations, name, {
    read: (word) => {
      const port = /^\d{1,5}$/.test(word) ? Number(word) : 0;
      return port >= 1 && port <= LARGEST_PORT ? port : undefined;
    },
    wanted: `ports from 1 to ${LARGEST_PORT}`,
  });
}

function rangesIn(annotations: Annotations, name: string): Entries<string> {
  return readEntries(annotations, name, {
    // An IPv6 range would break the rules, all of them for IPv4. It is not needed: IPv6 is not led through the proxy.
    read: (word) => (word.includes("/") && isIpv4Range(word) ? word : undefined),
    wanted: "IPv4 ranges such as 10.0.0.0/8 or 10.1.2.3/32",
  });
}

function readEntries<T>(
  annotations: Annotations,
  name: string,
  { read, wanted }: { readonly read: (word: string) => T | undefined; readonly wanted: string },
): Entries<T> {
  const words = (annotations[name] ?? "")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const wrong = words.find((word) => read(word) === undefined);
  return {
    values: words.flatMap((word) => read(word) ?? []),
    problems:
      wrong === undefined ? [] : [`annotation ${name} holds ${quoted(wrong)}: write ${wanted}, with commas between`],
  };
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

function union<T>(first: readonly T[], second: readonly T[]): readonly T[] {
  return [...new Set([...first, ...second])];
}
