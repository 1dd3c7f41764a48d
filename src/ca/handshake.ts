/**
 * A certificate proven in use: a handshake with itself, judged by a TLS library as proxies have one.
 *
 * A handshake shows what signatures do not: that name constraints, a purpose or a weak algorithm somewhere in the chain
 * make it worthless. (Under Bun the library is Envoy's own, BoringSSL.)
 *
 * @module
 */
import { once } from "node:events";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import type { Millis } from "../core/base/millis.ts";
import type { Leaf } from "./leaf.ts";

const WITHIN: Millis = 5000;
/** After a client's connection ended: the server's reason may come a moment later. */
const REASON_WITHIN: Millis = 200;

export interface Met {
  /** PEM, each root alone. */
  readonly roots: readonly string[];
  /** By which DNS name of the leaf the client calls. */
  readonly name: string;
}

/**
 * Has a server and a client, both with this leaf, meet on the loopback.
 *
 * @returns undefined once each took the other's certificate; otherwise why not, in the TLS library's words.
 */
export async function handshake(leaf: Pick<Leaf, "chain" | "key">, met: Met): Promise<string | undefined> {
  try {
    return await meet(leaf, met);
  } catch (cause) {
    // A key or a certificate that the library does not even load.
    return cause instanceof Error ? cause.message : String(cause);
  }
}

async function meet({ chain, key }: Pick<Leaf, "chain" | "key">, { roots, name }: Met): Promise<string | undefined> {
  const own = { cert: chain, key: key.reveal(), ca: [...roots] };
  const server = createServer({ ...own, requestCert: true, rejectUnauthorized: true });
  const refused = refusalBy(server);
  try {
    const port = await listening(server);
    const client = connect({ ...own, host: "127.0.0.1", port, servername: name });
    try {
      return await Promise.race([outcomeOf(client), refused]);
    } finally {
      client.destroy();
    }
  } finally {
    server.close();
  }
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A server says that it took the client's certificate by a byte: under TLS 1.3 the client is done before. */
function refusalBy(server: Server): Promise<string> {
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", () => undefined);
    socket.end("x");
  });
  return new Promise((resolve) => {
    server.on("tlsClientError", ({ message }) => resolve(`as a client's certificate: ${message}`));
  });
}

function outcomeOf(client: TLSSocket): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(`no answer within ${WITHIN} ms`), WITHIN);
    const end = (reason: string | undefined): void => {
      clearTimeout(timer);
      resolve(reason);
    };
    client.once("data", () => end(undefined));
    client.on("error", ({ message }) => end(`as a server's certificate: ${message}`));
    client.once("close", () => setTimeout(() => end("the connection was closed"), REASON_WITHIN));
  });
}
