/**
 * The xDS server: HTTP/2 over mutual TLS on one port.
 *
 * @module
 */
import { once } from "node:events";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type ServerHttp2Session,
} from "node:http2";
import { createContextValues } from "@connectrpc/connect";
import { toHttp2Handler } from "./adapter.ts";
import { readPeer, type TlsPeer } from "./peer.ts";
import { PEER, RETIRE, type XdsDeps, XdsService } from "./service.ts";

/** All PEM. */
export interface XdsTls {
  /** The server's own, leaf first. */
  readonly certificate: string;
  readonly key: string;
  /** Clients must chain to one of these. */
  readonly trustedRoots: string;
}

export interface XdsServerOptions extends XdsDeps {
  readonly tls: XdsTls;
  /** 0: any free port. */
  readonly port: number;
  readonly host: string;
  /** Milliseconds between pings; a session that leaves one unanswered until the next is dead. 0: none. */
  readonly pingInterval?: number;
}

export interface XdsServer {
  readonly port: number;
  /** For new handshakes; streams stay. */
  setTls(tls: XdsTls): void;
  activeStreams(): number;
  /** Lets a proxy dial again, to see the certificate that it has by now. */
  redial(proxy: string): void;
  /** Ends all streams, then closes what is left after `grace` milliseconds. */
  close(grace: number): Promise<void>;
}

const PING_INTERVAL = 30_000;
const HANDSHAKE_TIMEOUT = 10_000;
/** Of one session. Envoy opens one. */
const MAX_STREAMS_PER_SESSION = 16;

export async function createXdsServer(options: XdsServerOptions): Promise<XdsServer> {
  const { tls, port, host, pingInterval = PING_INTERVAL } = options;
  const service = new XdsService(options);
  const sessions = new Set<ServerHttp2Session>();
  const fail = (error: Error): void => options.observe.failed({ proxy: undefined, error });
  const server = createSecureServer(
    {
      ...tlsOptions(tls),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: HANDSHAKE_TIMEOUT,
      settings: { maxConcurrentStreams: MAX_STREAMS_PER_SESSION },
    },
    toHttp2Handler({
      register: (router) => service.register(router),
      contextOf: (request) =>
        createContextValues()
          .set(PEER, readPeer(socketOf(request)))
          .set(RETIRE, () => request.stream.session?.close()),
      onError: fail,
    }),
  );
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", fail);
    keepAlive(session, pingInterval);
  });
  server.on("sessionError", fail);
  server.on("tlsClientError", fail);
  server.listen(port, host);
  await once(server, "listening");
  return {
    port: portOf(server),
    setTls: (next) => server.setSecureContext(tlsOptions(next)),
    activeStreams: () => service.activeStreams,
    redial: (proxy) => service.redial(proxy),
    close: (grace) => close({ server, service, sessions, grace }),
  };
}

function tlsOptions({ certificate, key, trustedRoots }: XdsTls) {
  return { cert: certificate, key, ca: trustedRoots, minVersion: "TLSv1.2" as const };
}

// The request's own `socket` is a proxy that hides methods in some runtimes.
function socketOf({ stream }: Http2ServerRequest): TlsPeer | undefined {
  return stream.session?.socket;
}

function portOf(server: Http2SecureServer): number {
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error(`the xDS server listens on ${address}, which is no port`);
  return address.port;
}

/** Finds sessions whose client is gone without a word: a half-open connection gives no error until something is sent. */
function keepAlive(session: ServerHttp2Session, interval: number): void {
  if (interval === 0) return;
  let answered = true;
  const timer = setInterval(() => {
    if (session.destroyed || !answered) {
      clearInterval(timer);
      session.destroy();
      return;
    }
    answered = false;
    session.ping(() => {
      answered = true;
    });
  }, interval);
  timer.unref();
  session.once("close", () => clearInterval(timer));
}

interface Closing {
  readonly server: Http2SecureServer;
  readonly service: XdsService;
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  readonly grace: number;
}

async function close({ server, service, sessions, grace }: Closing): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  service.stop();
  for (const session of sessions) session.close();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
  }, grace);
  await closed;
  clearTimeout(timer);
}
