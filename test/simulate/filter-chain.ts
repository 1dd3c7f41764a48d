/**
 * Which filter chain a connection gets, as Envoy decides it: step by step, and never back (dataplane spec 3.3).
 *
 * @module
 */
import type { CidrRange } from "../../gen/envoy/config/core/v3/address_pb.ts";
import type { FilterChain } from "../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.ts";

export interface Connection {
  /** Where the client meant to go, before the redirection. */
  readonly address: string;
  readonly port: number;
  /** Absent: clear text. `alpn` "": none is offered. */
  readonly tls?: { readonly sni: string; readonly alpn: string };
  /** What the HTTP inspector finds in clear text, such as `http/1.1`. */
  readonly inspected?: string;
  /** The client's address; nobody's if left out. */
  readonly source?: string;
}

/** undefined: the connection is closed. */
export function chainFor(listener: Listener, connection: Connection): FilterChain | undefined {
  const steps = [byPort, byAddress, byServerName, byTransport, byProtocol, bySource];
  let chains: readonly FilterChain[] = listener.filterChains;
  for (const step of steps) chains = step(chains, connection);
  if (chains.length > 1) throw new Error(`chains ${chains.map(({ name }) => name).join(" and ")} match alike`);
  return chains[0] ?? listener.defaultFilterChain;
}

type Step = (chains: readonly FilterChain[], connection: Connection) => readonly FilterChain[];

const byPort: Step = (chains, { port }) =>
  firstNotEmpty(
    chains.filter(({ filterChainMatch }) => filterChainMatch?.destinationPort === port),
    chains.filter(({ filterChainMatch }) => filterChainMatch?.destinationPort === undefined),
  );

const byAddress: Step = (chains, { address }) =>
  byRange(chains, address, ({ filterChainMatch }) => filterChainMatch?.prefixRanges ?? []);

const bySource: Step = (chains, { source = "0.0.0.0" }) =>
  byRange(chains, source, ({ filterChainMatch }) => filterChainMatch?.sourcePrefixRanges ?? []);

/** The chains with the narrowest range around the address; no range is the range of all. */
function byRange(
  chains: readonly FilterChain[],
  address: string,
  rangesOf: (chain: FilterChain) => readonly CidrRange[],
): readonly FilterChain[] {
  const depthOf = (chain: FilterChain): number => {
    const ranges = rangesOf(chain);
    const around = ranges.filter(({ addressPrefix, prefixLen = 0 }) => isWithin(address, addressPrefix, prefixLen));
    return ranges.length === 0 ? 0 : Math.max(-1, ...around.map(({ prefixLen = 0 }) => prefixLen));
  };
  const depth = Math.max(-1, ...chains.map(depthOf));
  return chains.filter((chain) => depth >= 0 && depthOf(chain) === depth);
}

function isWithin(address: string, prefix: string, length: number): boolean {
  return bitsOf(address).slice(0, length) === bitsOf(prefix).slice(0, length);
}

function bitsOf(address: string): string {
  return address
    .split(".")
    .map((part) => Number(part).toString(2).padStart(8, "0"))
    .join("");
}

/** The whole name, then the longest pattern, then chains for any name. */
const byServerName: Step = (chains, { tls }) => {
  const labels = (tls?.sni ?? "").split(".");
  const patterns = labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join(".")}`);
  for (const name of tls === undefined || tls.sni === "" ? [] : [tls.sni, ...patterns]) {
    const named = chains.filter(({ filterChainMatch }) => filterChainMatch?.serverNames.includes(name));
    if (named.length > 0) return named;
  }
  return chains.filter(({ filterChainMatch }) => (filterChainMatch?.serverNames ?? []).length === 0);
};

const byTransport: Step = (chains, { tls }) => {
  const transport = tls ? "tls" : "raw_buffer";
  return firstNotEmpty(
    chains.filter(({ filterChainMatch }) => filterChainMatch?.transportProtocol === transport),
    chains.filter(({ filterChainMatch }) => (filterChainMatch?.transportProtocol ?? "") === ""),
  );
};

const byProtocol: Step = (chains, { tls, inspected }) => {
  const protocol = tls?.alpn ?? inspected ?? "";
  return firstNotEmpty(
    chains.filter(({ filterChainMatch }) => filterChainMatch?.applicationProtocols.includes(protocol)),
    chains.filter(({ filterChainMatch }) => (filterChainMatch?.applicationProtocols ?? []).length === 0),
  );
};

function firstNotEmpty<T>(first: readonly T[], second: readonly T[]): readonly T[] {
  return first.length > 0 ? first : second;
}
