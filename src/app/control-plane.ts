/**
 * Builds a control plane from its parts: CA, engine, xDS server.
 *
 * @module
 */
import { Authority } from "../ca/authority.ts";
import { SYSTEM_CLOCK as CA_CLOCK } from "../ca/clock.ts";
import { LEAST_LIFE, LeafStore } from "../ca/leaves.ts";
import { identityFromPeer } from "../ca/peer.ts";
import { openBuiltin } from "../ca/providers/builtin.ts";
import { adsServerName } from "../ca/subject.ts";
import { DEFAULT_TRUST_DOMAIN } from "../core/base/identity.ts";
import type { Millis } from "../core/base/millis.ts";
import { keyOf } from "../core/base/ref.ts";
import { SYSTEM_CLOCK } from "../engine/clock.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import type { EngineLog } from "../engine/ports.ts";
import { ResourceCache } from "../xds/cache.ts";
import type { PeerCertificate } from "../xds/peer.ts";
import { createXdsServer, type XdsServer } from "../xds/server.ts";
import type { Admission } from "../xds/service.ts";
import { toLeafSource } from "./leaf-source.ts";
import { openRoot } from "./root.ts";

const HOUR: Millis = 3_600_000;
/** Of the xDS server's own certificate. It is replaced at half of it. */
const SERVER_LIFE: Millis = 24 * HOUR;
const SERVICE_LIFE: Millis = 24 * HOUR;

export const MESH = { meshName: "osm", meshNamespace: "osm-system", trustDomain: DEFAULT_TRUST_DOMAIN } as const;

export interface ControlPlane {
  readonly engine: Engine;
  readonly authority: Authority;
  readonly leaves: LeafStore;
  /** Starts to serve xDS. Call it once the first compile is done, so that no proxy is refused for an empty mesh. */
  listen(): Promise<void>;
  stop(): Promise<void>;
}

export interface ControlPlaneInput {
  /** The folder of the root of trust. */
  readonly rootFolder: string;
  readonly address: { readonly host: string; readonly port: number };
  readonly log: EngineLog;
}

export async function openAuthority(rootFolder: string): Promise<Authority> {
  const now = () => Date.now();
  const provider = await openBuiltin(await openRoot(rootFolder), now);
  return new Authority({ provider, trustDomain: MESH.trustDomain, now });
}

export async function createControlPlane({ rootFolder, address, log }: ControlPlaneInput): Promise<ControlPlane> {
  const authority = await openAuthority(rootFolder);
  const leaves = new LeafStore({
    issuer: authority,
    clock: CA_CLOCK,
    random: Math.random,
    life: SERVICE_LIFE,
    onFailure: ({ serviceAccount, error, retryAt }) =>
      log.error("a service certificate could not be issued", {
        account: keyOf(serviceAccount),
        error: String(error),
        retryAt,
      }),
  });
  const cache = new ResourceCache();
  const engine = createEngine({
    settings: MESH,
    clock: SYSTEM_CLOCK,
    leaves: toLeafSource(leaves),
    trust: { pem: authority.trustBundle().join("") },
    cache,
    log,
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    onCompiled: ({ graph }) => leaves.setLife(Math.max(LEAST_LIFE, graph.config.certificate.serviceCertValidityMs)),
  });
  let server: XdsServer | undefined;
  let stopRenewing = (): void => {};
  return {
    engine,
    authority,
    leaves,
    async listen() {
      const admit = (peer: PeerCertificate): Admission => admitPeer(engine, peer);
      server = await createXdsServer({
        cache,
        admit,
        observe: engine.observer,
        tls: await serverTls(authority),
        ...address,
      });
      stopRenewing = renewServerTls(server, authority, log);
    },
    async stop() {
      stopRenewing();
      engine.stop();
      leaves.stop();
      await server?.close(1000);
    },
  };
}

function admitPeer(engine: Engine, peer: PeerCertificate): Admission {
  const identity = identityFromPeer(peer, MESH.trustDomain);
  if (identity !== undefined) return engine.admit(identity);
  return { kind: "refused", reason: `the certificate of "${peer.commonName}" is not a proxy's` };
}

async function serverTls(authority: Authority) {
  const leaf = await authority.issue({ kind: "server", dnsNames: [adsServerName(MESH.trustDomain)] }, SERVER_LIFE);
  return { certificate: leaf.chain, key: leaf.key.reveal(), trustedRoots: authority.trustBundle().join("") };
}

/** Tries every hour, from half of the certificate's life on, for as long as it takes. */
function renewServerTls(server: XdsServer, authority: Authority, log: EngineLog): () => void {
  const issued = { at: Date.now() };
  const timer = setInterval(() => {
    if (Date.now() - issued.at < SERVER_LIFE / 2) return;
    serverTls(authority).then(
      (tls) => {
        server.setTls(tls);
        issued.at = Date.now();
      },
      (error: unknown) => log.error("the xDS server's certificate could not be renewed", { error: String(error) }),
    );
  }, HOUR);
  return () => clearInterval(timer);
}
