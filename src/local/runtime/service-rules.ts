/**
 * Service addresses as iptables rules of the machine's namespace, in the manner of kube-proxy. Text only.
 *
 * Both tables are written whole, so `iptables-restore` replaces them atomically. Connections that exist keep their
 * endpoint, since the kernel asks the nat table for the first packet alone.
 *
 * @module
 */
import type { ServiceAddress } from "./ports.ts";

/** Source of a pod that reached itself through a Service; no interface has it. Not `MACHINE_ADDRESS`, which skips Envoy. */
const HAIRPIN_ADDRESS = "10.244.0.2";
const HAIRPIN_MARK = "0x4000/0x4000";

/** Input for `iptables-restore` (without `--noflush`): tables `nat` and `filter`, whole. Equal tables give equal text. */
export function buildServiceRules(table: readonly ServiceAddress[]): string {
  const services = [...table].sort(byAddress);
  return [...natTable(services), ...filterTable(services), ""].join("\n");
}

function natTable(services: readonly ServiceAddress[]): string[] {
  const chains = services.flatMap((service, index) =>
    service.endpoints.length === 0 ? [] : serviceChains(service, index),
  );
  return [
    "*nat",
    ":PREROUTING ACCEPT [0:0]",
    ":INPUT ACCEPT [0:0]",
    ":OUTPUT ACCEPT [0:0]",
    ":POSTROUTING ACCEPT [0:0]",
    ":OSM-SERVICES - [0:0]",
    ...chains.map(({ name }) => `:${name} - [0:0]`),
    "-A PREROUTING -j OSM-SERVICES",
    "-A OUTPUT -j OSM-SERVICES",
    `-A POSTROUTING -m mark --mark ${HAIRPIN_MARK} -j SNAT --to-source ${HAIRPIN_ADDRESS}`,
    ...chains.flatMap(({ rules }) => rules),
    "COMMIT",
  ];
}

interface Chain {
  readonly name: string;
  readonly rules: readonly string[];
}

function serviceChains(service: ServiceAddress, index: number): Chain[] {
  const name = `OSM-SVC-${index}`;
  const targets = [...service.endpoints].sort((a, b) => compareText(a.ip, b.ip) || a.port - b.port);
  const balance = targets.map((_, nth) => `-A ${name}${share(targets.length - nth)} -j OSM-EP-${index}-${nth}`);
  const endpoints = targets.map(({ ip, port }, nth) => {
    const chain = `OSM-EP-${index}-${nth}`;
    const dnat = `-A ${chain} -p ${service.protocol} -j DNAT --to-destination ${ip}:${port}`;
    return { name: chain, rules: [`-A ${chain} -s ${ip}/32 -j MARK --set-xmark ${HAIRPIN_MARK}`, dnat] };
  });
  return [{ name, rules: [`-A OSM-SERVICES ${matchOf(service)} -j ${name}`, ...balance] }, ...endpoints];
}

/** Of `left` candidates the first is taken with probability 1/left: equal shares for all. The last needs no dice. */
function share(left: number): string {
  return left === 1 ? "" : ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}`;
}

/** A Service without endpoints refuses at once, so that a client sees "connection refused" and not a timeout. */
function filterTable(services: readonly ServiceAddress[]): string[] {
  const refused = services.filter(({ endpoints }) => endpoints.length === 0);
  const rules = refused.map(
    (service) => `-A OSM-REFUSED ${matchOf(service)} -j REJECT --reject-with ${refusalOf(service)}`,
  );
  return [
    "*filter",
    ":INPUT ACCEPT [0:0]",
    ":FORWARD ACCEPT [0:0]",
    ":OUTPUT ACCEPT [0:0]",
    ":OSM-REFUSED - [0:0]",
    "-A FORWARD -j OSM-REFUSED",
    "-A OUTPUT -j OSM-REFUSED",
    ...rules,
    "COMMIT",
  ];
}

function refusalOf({ protocol }: ServiceAddress): string {
  return protocol === "tcp" ? "tcp-reset" : "icmp-port-unreachable";
}

function matchOf({ ip, port, protocol }: ServiceAddress): string {
  return `-d ${ip}/32 -p ${protocol} --dport ${port}`;
}

function byAddress(a: ServiceAddress, b: ServiceAddress): number {
  return compareText(a.ip, b.ip) || a.port - b.port || compareText(a.protocol, b.protocol);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
