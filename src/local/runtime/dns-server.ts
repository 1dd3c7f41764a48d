/**
 * The cluster's DNS server: UDP and TCP sockets around `dns.ts`.
 *
 * @module
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { answerMessage, indexNames, type NameIndex } from "./dns.ts";
import type { NameTable } from "./ports.ts";

/** A resolver asks and leaves; one that stays silent holds nothing for longer. */
const IDLE_TIMEOUT = 10_000;
const LENGTH_BYTES = 2;

export interface DnsServer {
  setNames(names: NameTable): void;
  close(): Promise<void>;
}

/**
 * Starts answering on `address`, UDP and TCP.
 *
 * @throws Error if a socket cannot be bound.
 */
export async function startDns(address: string, port = 53): Promise<DnsServer> {
  let index: NameIndex = indexNames({ services: [] });
  const udp = createSocket("udp4");
  udp.on("message", (message, { port: from, address: asker }) => {
    const answer = answerMessage(message, index, "udp");
    if (answer !== undefined) udp.send(answer, from, asker);
  });
  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    serveConnection(socket, (message) => answerMessage(message, index, "tcp"));
  });
  await bindUdp(udp, address, port);
  await listenTcp(tcp, address, port);
  return {
    setNames: (names) => {
      index = indexNames(names);
    },
    close: async () => {
      for (const socket of connections) socket.destroy();
      await Promise.all([
        new Promise<void>((done) => udp.close(() => done())),
        new Promise<void>((done) => tcp.close(() => done())),
      ]);
    },
  };
}

/** Messages over TCP carry their length in front (RFC 1035, 4.2.2); one connection may hold several. */
function serveConnection(socket: Socket, answer: (message: Uint8Array) => Uint8Array | undefined): void {
  let pending = Buffer.alloc(0);
  socket.setTimeout(IDLE_TIMEOUT, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= LENGTH_BYTES && pending.length >= LENGTH_BYTES + pending.readUInt16BE(0)) {
      const end = LENGTH_BYTES + pending.readUInt16BE(0);
      const reply = answer(pending.subarray(LENGTH_BYTES, end));
      pending = pending.subarray(end);
      if (reply === undefined) return void socket.destroy();
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt16BE(reply.length);
      socket.write(Buffer.concat([length, reply]));
    }
  });
}

function bindUdp(socket: UdpSocket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, address, () => {
      // A client that is gone makes the kernel report an error on our socket; it concerns nobody else.
      socket.removeListener("error", reject).on("error", () => undefined);
      resolve();
    });
  });
}

function listenTcp(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.removeListener("error", reject).on("error", () => undefined);
      resolve();
    });
  });
}
