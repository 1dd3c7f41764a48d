/**
 * As much of Vault as the provider asks for, with answers that a test changes. What real ones do is shown in `test/pki`.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface FakeRequest {
  readonly method: string;
  /** Without `/v1/`. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Readonly<Record<string, unknown>>;
}

export interface FakeAnswer {
  readonly status: number;
  readonly body?: unknown;
}

export class FakeVault {
  readonly requests: FakeRequest[] = [];
  /** By path; what is missing is answered as Vault answers. */
  readonly answers = new Map<string, (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param tls - PEM: it speaks TLS, as the `localhost` that the certificate names. */
  static async start(tls?: { readonly cert: string; readonly key: string }): Promise<FakeVault> {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      void readBody(request).then(async (body) => {
        const path = (request.url ?? "").replace(/^\/v1\//, "");
        const asked = { method: request.method ?? "", path, headers: request.headers, body };
        vault.requests.push(asked);
        const given = await vault.answers.get(path)?.(asked);
        const { status, body: text } = given ?? { status: 404, body: { errors: [`no handler for route "${path}"`] } };
        response.writeHead(status, { "content-type": "application/json" });
        response.end(typeof text === "string" ? text : JSON.stringify(text ?? {}));
      });
    };
    const vault = new FakeVault(tls === undefined ? createServer(answer) : createTlsServer(tls, answer));
    await new Promise<void>((resolve) => vault.#server.listen(0, "127.0.0.1", resolve));
    return vault;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(Buffer.from(part));
  const text = Buffer.concat(parts).toString("utf8");
  return text === "" ? {} : JSON.parse(text);
}
