/**
 * What the cluster's DNS answers, as CoreDNS would: addresses and ports of services and of named pods. Pure.
 *
 * Nothing outside the cluster can be reached from the machine, so names of elsewhere do not exist, at once.
 *
 * @module
 */
import dnsPacket, { type Answer, type DecodedPacket, type Question, type SrvAnswer } from "dns-packet";
import type { NameTable, ServiceName } from "./ports.ts";

const CLUSTER_DOMAIN = "cluster.local";
/** Seconds. CoreDNS's default for its Kubernetes zone; short, since endpoints move. */
const TTL = 5;
/** RFC 1035, 2.3.4: without EDNS a UDP answer has at most 512 bytes. */
const PLAIN_UDP_LIMIT = 512;
const NXDOMAIN = 3;
const NOT_IMPLEMENTED = 4;

interface Service {
  readonly port: number;
  readonly target: string;
}

/** Lower-case names without the last dot. A name may have no address and still exist. */
export interface NameIndex {
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly services: ReadonlyMap<string, readonly Service[]>;
}

/** Indexes all names of the table by what a client may ask for. */
export function indexNames({ services }: NameTable): NameIndex {
  const addresses = new Map<string, string[]>();
  const ports = new Map<string, Service[]>();
  const add = <T>(map: Map<string, T[]>, name: string, values: readonly T[]): void => {
    const key = name.toLowerCase();
    map.set(key, [...(map.get(key) ?? []), ...values]);
  };
  for (const service of services) {
    const name = `${service.name}.${service.namespace}.svc.${CLUSTER_DOMAIN}`;
    add(addresses, name, service.clusterIp === undefined ? service.endpoints.map(({ ip }) => ip) : [service.clusterIp]);
    const targets = service.clusterIp === undefined ? service.endpoints.map((end) => endpointName(end, name)) : [name];
    for (const end of service.endpoints) add(addresses, endpointName(end, name), [end.ip]);
    for (const port of service.ports) {
      if (port.name === undefined) continue;
      add(
        ports,
        `_${port.name}._${port.protocol}.${name}`,
        targets.map((target) => ({ port: port.port, target })),
      );
    }
  }
  return { addresses, services: ports };
}

/** A pod without a hostname is named after its address, as CoreDNS does. */
function endpointName({ ip, hostname }: ServiceName["endpoints"][number], service: string): string {
  return `${hostname ?? ip.replaceAll(".", "-")}.${service}`;
}

/**
 * Answers one message.
 *
 * @param transport - `udp` answers that do not fit are cut, so that the client asks again over TCP.
 * @returns undefined for what is not a question: no answer is the answer to garbage.
 */
export function answerMessage(message: Uint8Array, index: NameIndex, transport: "udp" | "tcp"): Uint8Array | undefined {
  const query = decode(message);
  if (query === undefined || query.type !== "query") return undefined;
  const reply = isPlainQuery(message) ? answerQuery(query, index) : { ...frameOf(query), flags: NOT_IMPLEMENTED };
  const bytes = dnsPacket.encode(reply);
  if (transport === "tcp" || bytes.length <= udpLimit(query)) return bytes;
  return dnsPacket.encode({
    ...reply,
    answers: [],
    additionals: [],
    flags: (reply.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE,
  });
}

function decode(message: Uint8Array): DecodedPacket | undefined {
  try {
    return dnsPacket.decode(Buffer.from(message));
  } catch {
    return undefined;
  }
}

/** Whether the operation code, bits 3 to 6 of the third byte, says QUERY. The decoder's types do not show it. */
function isPlainQuery(message: Uint8Array): boolean {
  return ((message[2] ?? 0) & 0x78) === 0;
}

function udpLimit({ additionals = [] }: DecodedPacket): number {
  const edns = additionals.find((record) => record.type === "OPT");
  return Math.max(PLAIN_UDP_LIMIT, edns?.type === "OPT" ? edns.udpPayloadSize : 0);
}

function answerQuery(query: DecodedPacket, index: NameIndex): dnsPacket.Packet {
  const frame = frameOf(query);
  const recursion = query.flag_rd ? dnsPacket.RECURSION_DESIRED : 0;
  const flags = dnsPacket.AUTHORITATIVE_ANSWER | dnsPacket.RECURSION_AVAILABLE | recursion;
  const [question] = query.questions ?? [];
  const answers = question === undefined ? undefined : answersTo(question, index);
  if (answers === undefined) return { ...frame, flags: flags | NXDOMAIN, authorities: [authority()] };
  if (answers.length === 0) return { ...frame, flags, authorities: [authority()] };
  return { ...frame, flags, answers, additionals: [...(frame.additionals ?? []), ...targetsOf(answers, index)] };
}

/** What every reply repeats: the id, the question with its spelling, and EDNS if the client speaks it. */
function frameOf({ id = 0, questions = [], additionals = [] }: DecodedPacket): dnsPacket.Packet {
  const edns = additionals.some(({ type }) => type === "OPT");
  return { type: "response", id, questions, additionals: edns ? [EDNS] : [] };
}

const EDNS: Answer = {
  type: "OPT",
  name: ".",
  udpPayloadSize: 4096,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

/** undefined: the name does not exist. An empty list: it does, with no record of this type. */
function answersTo({ name, type }: Question, index: NameIndex): Answer[] | undefined {
  const key = name.toLowerCase().replace(/\.$/, "");
  const addresses = index.addresses.get(key);
  const services = index.services.get(key);
  if (addresses === undefined && services === undefined) return undefined;
  if (type === "A") return (addresses ?? []).map((data) => ({ type: "A", name, ttl: TTL, data }));
  if (type === "SRV")
    return (services ?? []).map((data) => ({ type: "SRV", name, ttl: TTL, data: { ...data, priority: 0, weight: 1 } }));
  return [];
}

function targetsOf(answers: readonly Answer[], index: NameIndex): Answer[] {
  const targets = answers
    .filter((answer): answer is SrvAnswer & Answer => answer.type === "SRV")
    .map(({ data }) => data.target);
  return [...new Set(targets)].flatMap((name) =>
    (index.addresses.get(name.toLowerCase()) ?? []).map((data): Answer => ({ type: "A", name, ttl: TTL, data })),
  );
}

/** Says for how long a "no" may be remembered (RFC 2308): as briefly as a "yes". */
function authority(): Answer {
  const data = {
    mname: `ns.dns.${CLUSTER_DOMAIN}`,
    rname: `hostmaster.${CLUSTER_DOMAIN}`,
    serial: 1,
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: TTL,
  };
  return { type: "SOA", name: CLUSTER_DOMAIN, ttl: TTL, data };
}
