import assert from "node:assert/strict";
import { describe, it } from "node:test";
import dnsPacket, { type Answer, type Packet, type RecordType } from "dns-packet";
import { answerMessage, indexNames } from "./dns.ts";

const index = indexNames({
  services: [
    {
      namespace: "shop",
      name: "web",
      clusterIp: "10.96.0.7",
      ports: [
        { name: "http", port: 80, protocol: "tcp" },
        { port: 53, protocol: "udp" },
      ],
      endpoints: [{ ip: "10.244.0.10" }],
    },
    {
      namespace: "shop",
      name: "db",
      ports: [{ name: "sql", port: 3306, protocol: "tcp" }],
      endpoints: [
        { ip: "10.244.0.11", hostname: "db-0" },
        { ip: "10.244.0.12", hostname: "db-1" },
      ],
    },
    { namespace: "shop", name: "empty", ports: [], endpoints: [] },
    {
      namespace: "shop",
      name: "many",
      ports: [],
      endpoints: Array.from({ length: 60 }, (_, nth) => ({ ip: `10.244.1.${nth}` })),
    },
  ],
});

interface Reply {
  readonly rcode: string;
  readonly records: readonly unknown[];
  readonly packet: Packet;
}

function ask(name: string, type: RecordType, more: Partial<Packet> = {}, transport: "udp" | "tcp" = "udp"): Reply {
  const query = dnsPacket.encode({
    type: "query",
    id: 7,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type, name }],
    ...more,
  });
  const bytes = answerMessage(query, index, transport);
  assert.ok(bytes !== undefined);
  const packet = dnsPacket.decode(Buffer.from(bytes));
  const rcode = (packet.flags ?? 0) & 0xf;
  return {
    rcode: { 0: "NOERROR", 3: "NXDOMAIN", 4: "NOTIMP" }[rcode] ?? String(rcode),
    records: dataOf(packet),
    packet,
  };
}

function dataOf({ answers = [] }: Packet): unknown[] {
  return answers.map((answer) => ("data" in answer ? answer.data : undefined));
}

describe("answerMessage", () => {
  it("gives the service's address, whatever the case, and repeats the question as it was spelt", () => {
    const { rcode, records, packet } = ask("WeB.shop.svc.cluster.local", "A");
    assert.deepEqual([rcode, records], ["NOERROR", ["10.96.0.7"]]);
    assert.equal(packet.questions?.[0]?.name, "WeB.shop.svc.cluster.local");
    assert.equal(packet.answers?.[0]?.name, "WeB.shop.svc.cluster.local");
    assert.equal(packet.id, 7);
  });

  it("gives every pod of a headless service, and one pod by its hostname", () => {
    assert.deepEqual(ask("db.shop.svc.cluster.local", "A").records, ["10.244.0.11", "10.244.0.12"]);
    assert.deepEqual(ask("db-1.db.shop.svc.cluster.local", "A").records, ["10.244.0.12"]);
  });

  it("has no IPv6 address for a name that exists: an empty answer, which lets a resolver take the IPv4 one", () => {
    const { rcode, records, packet } = ask("web.shop.svc.cluster.local", "AAAA");
    assert.deepEqual([rcode, records], ["NOERROR", []]);
    assert.equal(packet.authorities?.[0]?.type, "SOA");
  });

  it("says at once that other names do not exist, inside the cluster and outside", () => {
    for (const name of ["nothing.shop.svc.cluster.local", "web.other.svc.cluster.local", "web.shop", "example.com"]) {
      assert.equal(ask(name, "A").rcode, "NXDOMAIN", name);
    }
  });

  it("knows a headless service without pods, which has no address", () => {
    const { rcode, records } = ask("empty.shop.svc.cluster.local", "A");
    assert.deepEqual([rcode, records], ["NOERROR", []]);
  });

  it("lists named ports, with the addresses of their targets", () => {
    const web = ask("_http._tcp.web.shop.svc.cluster.local", "SRV");
    assert.deepEqual(web.records, [{ priority: 0, weight: 1, port: 80, target: "web.shop.svc.cluster.local" }]);
    const sql = ask("_sql._tcp.db.shop.svc.cluster.local", "SRV");
    assert.deepEqual(
      sql.packet.additionals?.map(({ name }) => name),
      ["db-0.db.shop.svc.cluster.local", "db-1.db.shop.svc.cluster.local"],
    );
    assert.equal(ask("_sql._udp.db.shop.svc.cluster.local", "SRV").rcode, "NXDOMAIN");
  });

  it("cuts what does not fit a datagram, unless EDNS or TCP allow it", () => {
    const name = "many.shop.svc.cluster.local";
    const cut = ask(name, "A").packet;
    assert.deepEqual(
      [cut.answers, (cut.flags ?? 0) & dnsPacket.TRUNCATED_RESPONSE],
      [[], dnsPacket.TRUNCATED_RESPONSE],
    );
    assert.equal(ask(name, "A", {}, "tcp").records.length, 60);
    const edns: Answer = {
      type: "OPT",
      name: ".",
      udpPayloadSize: 4096,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    };
    assert.equal(ask(name, "A", { additionals: [edns] }).records.length, 60);
  });

  it("refuses other operations and stays silent for garbage and for answers", () => {
    assert.equal(ask("web.shop.svc.cluster.local", "A", { flags: 5 << 11 }).rcode, "NOTIMP");
    assert.equal(answerMessage(new Uint8Array([1, 2, 3]), index, "udp"), undefined);
    assert.equal(answerMessage(Buffer.alloc(0), index, "udp"), undefined);
    const answer = dnsPacket.encode({
      type: "response",
      id: 1,
      questions: [{ type: "A", name: "web.shop.svc.cluster.local" }],
    });
    assert.equal(answerMessage(answer, index, "udp"), undefined);
  });
});
