/**
 * Which filter chain a connection gets, as Envoy decides it: step by step, and never back (dataplane spec 3.3).
 *
 * @module
 */
import type { FilterChain } from "../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.ts";

export interface Connection {
  /** Where the client meant to go, before the redirection. */
  readonly address: string;
  readonly port: number;
  /** Absent: plain text. */
  readonly tls?: { readonly sni: string; readonly alpn: string };
}

/** undefined: the connection is closed. */
export function chainFor(listener: Listener, connection: Connection): FilterChain | undefined {
  const steps = [byPort, byAddress, byServerName, byTransport, byProtocol];
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

const byAddress: Step = (chains, { address }) => {
  const exact = chains.filter(({ filterChainMatch }) =>
    filterChainMatch?.prefixRanges.some(({ addressPrefix, prefixLen }) => {
      if (prefixLen !== 32) throw new Error(`prefix length ${prefixLen}: the mesh matches single addresses only`);
      return addressPrefix === address;
    }),
  );
  return firstNotEmpty(
    exact,
    chains.filter(({ filterChainMatch }) => (filterChainMatch?.prefixRanges ?? []).length === 0),
  );
};

const byServerName: Step = (chains, { tls }) =>
  firstNotEmpty(
    chains.filter(({ filterChainMatch }) => tls && filterChainMatch?.serverNames.includes(tls.sni)),
    chains.filter(({ filterChainMatch }) => (filterChainMatch?.serverNames ?? []).length === 0),
  );

const byTransport: Step = (chains, { tls }) => {
  const transport = tls ? "tls" : "raw_buffer";
  return firstNotEmpty(
    chains.filter(({ filterChainMatch }) => filterChainMatch?.transportProtocol === transport),
    chains.filter(({ filterChainMatch }) => (filterChainMatch?.transportProtocol ?? "") === ""),
  );
};

const byProtocol: Step = (chains, { tls }) =>
  firstNotEmpty(
    chains.filter(({ filterChainMatch }) => tls && filterChainMatch?.applicationProtocols.includes(tls.alpn)),
    chains.filter(({ filterChainMatch }) => (filterChainMatch?.applicationProtocols ?? []).length === 0),
  );

function firstNotEmpty<T>(first: readonly T[], second: readonly T[]): readonly T[] {
  return first.length > 0 ? first : second;
}
