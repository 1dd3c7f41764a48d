/**
 * A plain TCP proxy before the API server, so that it can be "away" in any cluster.
 *
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { ApiAccess } from "../../src/sources/kubernetes/access.ts";

export class ApiServerProxy {
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  private constructor(target: URL) {
    this.#target = target;
  }

  static async start(access: ApiAccess): Promise<ApiServerProxy> {
    const proxy = new ApiServerProxy((await access.credentials()).server);
    await proxy.resume();
    return proxy;
  }

  /** The same server and credentials, by way of the proxy. */
  through(access: ApiAccess): ApiAccess {
    return {
      credentials: async () => {
        const { server, tls, ...rest } = await access.credentials();
        const own = new URL(server);
        own.hostname = "127.0.0.1";
        own.port = String(this.#port);
        // A certificate for 127.0.0.1 needs no other name, and an address cannot be one.
        const named = server.hostname === "127.0.0.1" ? tls : { servername: server.hostname, ...tls };
        return { server: own, tls: named, ...rest };
      },
      renew: () => access.renew(),
    };
  }

  async resume(): Promise<void> {
    const port = Number(this.#target.port || 443);
    const server = createServer((inside) => {
      const outside = connect(port, this.#target.hostname);
      for (const [one, other] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        this.#sockets.add(one);
        one.on("error", () => undefined);
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** No port, no connections. */
  async away(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Connections stay, and nothing passes: what a stopped process or a lost route looks like. */
  freeze(): void {
    for (const socket of this.#sockets) socket.pause().unpipe();
  }
}
