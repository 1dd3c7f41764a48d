/**
 * Builds a control plane from its parts: CA, engine, xDS server.
 *
 * @module
 */
import { Authority } from "../ca/authority.ts";
import { SYSTEM_CLOCK as CA_CLOCK } from "../ca/clock.ts";
import type { Leaf } from "../ca/leaf.ts";
import { LEAST_LIFE, LeafStore } from "../ca/leaves.ts";
import { identityFromPeer } from "../ca/peer.ts";
import { parseCertificate } from "../ca/pki-read.ts";
import { openBuiltin, type RootMaterial } from "../ca/providers/builtin.ts";
import { adsServerName } from "../ca/subject.ts";
import { DEFAULT_TRUST_DOMAIN } from "../core/base/identity.ts";
import type { Millis } from "../core/base/millis.ts";
import { keyOf } from "../core/base/ref.ts";
import type { MeshSettings } from "../core/graph/settings.ts";
import { SYSTEM_CLOCK } from "../engine/clock.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import type { CompileEnd } from "../engine/loop.ts";
import type { EngineLog } from "../engine/ports.ts";
import type { CertificateTrouble } from "../http/readiness.ts";
import { ResourceCache } from "../xds/cache.ts";
import type { PeerCertificate } from "../xds/peer.ts";
import { createXdsServer, type XdsServer, type XdsTls } from "../xds/server.ts";
import type { Admission } from "../xds/service.ts";
import { toLeafSource } from "./leaf-source.ts";
import { issueServerCertificate } from "./server-certificate.ts";

const SERVICE_LIFE: Millis = 24 * 3_600_000;
const STREAM_GRACE: Millis = 1000;
/** Before the root's end: enough time to rotate it by hand. */
const ROOT_WARNING: Millis = 30 * 24 * 3_600_000;

export const DEFAULT_MESH: MeshSettings = {
  meshName: "osm",
  meshNamespace: "osm-system",
  trustDomain: DEFAULT_TRUST_DOMAIN,
};

export interface ControlPlane {
  readonly engine: Engine;
  readonly authority: Authority;
  readonly leaves: LeafStore;
  /** Starts to serve xDS. Call it once the first compile is done, so that no proxy is refused for an empty mesh. */
  listen(): Promise<void>;
  listening(): boolean;
  /** What is wrong with the certificates that xDS needs: the root and the server's own. */
  certificateTrouble(): readonly CertificateTrouble[];
  /** Epoch milliseconds at which the root ends. */
  readonly rootEnds: Millis;
  /** Ends all streams first: proxies keep what they have and dial another replica. Called again it does nothing. */
  stop(): Promise<void>;
}

export interface ControlPlaneInput {
  readonly settings: MeshSettings;
  readonly root: RootMaterial;
  readonly address: { readonly host: string; readonly port: number };
  readonly log: EngineLog;
  readonly onCompileEnd?: (end: CompileEnd) => void;
}

export async function openAuthority(root: RootMaterial, trustDomain: string): Promise<Authority> {
  const now = () => Date.now();
  return new Authority({ provider: await openBuiltin(root, now), trustDomain, now });
}

export async function createControlPlane(input: ControlPlaneInput): Promise<ControlPlane> {
  const { settings, root, address, log } = input;
  const authority = await openAuthority(root, settings.trustDomain);
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
    settings,
    clock: SYSTEM_CLOCK,
    leaves: toLeafSource(leaves),
    trust: { pem: authority.trustBundle().join("") },
    cache,
    log,
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    ...(input.onCompileEnd && { onCompileEnd: input.onCompileEnd }),
    onCompiled: ({ graph }) => leaves.setLife(Math.max(LEAST_LIFE, graph.config.certificate.serviceCertValidityMs)),
  });
  const { notAfter: rootEnds } = await parseCertificate(root.certificate, "the root");
  let server: XdsServer | undefined;
  let stopped = false;
  let stopRenewing = (): void => {};
  let serverTrouble = (): readonly CertificateTrouble[] => [];
  return {
    rootEnds,
    certificateTrouble: () => [...rootTrouble(rootEnds, Date.now()), ...serverTrouble()],
    engine,
    authority,
    leaves,
    async listen() {
      const admit = (peer: PeerCertificate): Admission => admitPeer(engine, peer, settings.trustDomain);
      const dnsNames = [adsServerName(settings.trustDomain)] as const;
      const certificate = await issueServerCertificate({ authority, dnsNames, server: "the xDS server", log });
      serverTrouble = () => certificate.trouble();
      const tls = tlsOf(certificate.first, authority);
      server = await createXdsServer({ cache, admit, observe: engine.observer, tls, ...address });
      const serving = server;
      stopRenewing = certificate.renew((leaf) => serving.setTls(tlsOf(leaf, authority)));
    },
    listening: () => server !== undefined,
    async stop() {
      if (stopped) return;
      stopped = true;
      stopRenewing();
      await server?.close(STREAM_GRACE);
      engine.stop();
      leaves.stop();
    },
  };
}

function rootTrouble(ends: Millis, now: Millis): readonly CertificateTrouble[] {
  const day = new Date(ends).toISOString().slice(0, 10);
  if (ends <= now) return [{ message: `the mesh's root certificate ended on ${day}`, fatal: true }];
  return ends - now > ROOT_WARNING ? [] : [{ message: `the mesh's root certificate ends on ${day}`, fatal: false }];
}

function admitPeer(engine: Engine, peer: PeerCertificate, trustDomain: string): Admission {
  const identity = identityFromPeer(peer, trustDomain);
  if (identity !== undefined) return engine.admit(identity);
  return { kind: "refused", reason: `the certificate of "${peer.commonName}" is not a proxy's` };
}

function tlsOf(leaf: Leaf, authority: Authority): XdsTls {
  return { certificate: leaf.chain, key: leaf.key.reveal(), trustedRoots: authority.trustBundle().join("") };
}
