/**
 * Builds a control plane from its parts: CA, engine, xDS server.
 *
 * @module
 */
import { SYSTEM_CLOCK as CA_CLOCK, type Clock } from "../ca/clock.ts";
import type { Leaf } from "../ca/leaf.ts";
import { LEAST_LIFE, LeafStore } from "../ca/leaves.ts";
import { parseCertificate } from "../ca/pki-read.ts";
import { type ProviderState, providerStates } from "../ca/provider-state.ts";
import { ProviderUnavailable } from "../ca/providers/unavailable.ts";
import { type WatchReport, watch } from "../ca/watchdog.ts";
import { DEFAULT_TRUST_DOMAIN } from "../core/base/identity.ts";
import type { Millis } from "../core/base/millis.ts";
import { keyOf } from "../core/base/ref.ts";
import type { MeshSettings } from "../core/graph/settings.ts";
import { SYSTEM_CLOCK } from "../engine/clock.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import type { CompileEnd } from "../engine/loop.ts";
import type { EngineLog } from "../engine/ports.ts";
import type { CertificateTrouble } from "../http/readiness.ts";
import { RotatingAuthority } from "../rotation/authority.ts";
import type { OpenRoots } from "../rotation/roots.ts";
import type { Rotator } from "../rotation/rotator.ts";
import type { Logger } from "../telemetry/logger.ts";
import { ResourceCache } from "../xds/cache.ts";
import type { PeerCertificate } from "../xds/peer.ts";
import { createXdsServer, type XdsServer, type XdsTls } from "../xds/server.ts";
import type { Admission } from "../xds/service.ts";
import { issuerTrouble, outageTrouble, watchTrouble } from "./certificate-trouble.ts";
import { toLeafSource } from "./leaf-source.ts";
import { type Rotation, type RotationCompany, runRotation } from "./rotation.ts";
import {
  type CertificateKeep,
  issueServerCertificate,
  type ServerCertificate,
  type ServerCertificateOptions,
} from "./server-certificate.ts";
import { createShownCredentials } from "./shown-credentials.ts";
import { identityUnder, serverNamesUnder, settingsUnder } from "./under-roots.ts";
import { type IssuerEnds, watchedOf } from "./watched.ts";

const SERVICE_LIFE: Millis = 24 * 3_600_000;
const STREAM_GRACE: Millis = 1000;

export const DEFAULT_MESH: MeshSettings = {
  meshName: "osm",
  meshNamespace: "osm-system",
  trustDomain: DEFAULT_TRUST_DOMAIN,
};

export interface ControlPlane {
  readonly engine: Engine;
  readonly authority: RotatingAuthority;
  readonly rotation: Rotation;
  readonly leaves: LeafStore;
  /** Starts to serve xDS. Call it once the first compile is done, so that no proxy is refused for an empty mesh. */
  listen(): Promise<void>;
  listening(): boolean;
  /** The xDS server's own certificate; undefined before it listens. */
  serverLeaf(): Leaf | undefined;
  /** What is wrong with the certificates that xDS needs: the root and the server's own. */
  certificateTrouble(): readonly CertificateTrouble[];
  /** What the watchdog says of all certificates that are in force here, and of those that proxies hold. */
  watch(): WatchReport;
  /** Who signs for the mesh, and since when one of them does not. */
  providers(): readonly ProviderState[];
  /** Epoch milliseconds at which the first of the trusted roots ends. */
  rootEnds(): Millis;
  /** Ends all streams first: proxies keep what they have and dial another replica. Called again it does nothing. */
  stop(): Promise<void>;
}

export interface ControlPlaneInput {
  readonly settings: MeshSettings;
  readonly rotator: Rotator;
  /** Absent: this process is alone. */
  readonly company?: RotationCompany;
  readonly address: { readonly host: string; readonly port: number };
  readonly log: Logger;
  readonly onCompileEnd?: (end: CompileEnd) => void;
  readonly onIssued?: (duration: Millis) => void;
  /** The certificate that this process's webhooks show; undefined before there is one. */
  readonly webhookLeaf?: () => Leaf | undefined;
  /** For the xDS server's certificate. */
  readonly keep?: CertificateKeep;
  /** Of certificates. */
  readonly clock?: Clock;
}

const ALONE: RotationCompany = { others: () => [], leads: () => true };

export async function createControlPlane(input: ControlPlaneInput): Promise<ControlPlane> {
  const { settings, rotator, address, log, company = ALONE, clock = CA_CLOCK } = input;
  const authority = new RotatingAuthority(() => rotator.roots(), input.onIssued);
  const leaves = buildLeaves(authority, clock, log);
  const cache = new ResourceCache();
  const credentials = createShownCredentials({
    roots: () => rotator.roots(),
    rootOf: (certificate) => authority.rootOf(certificate),
  });
  const engine = createEngine({
    settings: settingsUnder(rotator.roots(), settings),
    clock: SYSTEM_CLOCK,
    leaves: toLeafSource(leaves),
    trust: { pem: rotator.roots().trust },
    cache,
    log,
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    ...(input.onCompileEnd && { onCompileEnd: input.onCompileEnd }),
    onCompiled({ graph }) {
      log.setLevel(graph.config.observability.osmLogLevel);
      leaves.setLife(Math.max(LEAST_LIFE, graph.config.certificate.serviceCertValidityMs));
      credentials.retain((key) => graph.pods.byProxy.has(key));
    },
  });
  let rootEnds = await firstEnd(rotator.roots());
  let server: XdsServer | undefined;
  let certificate: ServerCertificate | undefined;
  let stopped = false;
  let stopRenewing = (): void => {};

  const rotation = runRotation(
    {
      rotator,
      proxies: () => engine.proxies(),
      credentialOf: (uuid) => credentials.rootOf(uuid),
      redial: (uuid) => {
        const key = credentials.keyOf(uuid);
        if (key !== undefined) server?.redial(key);
      },
      log,
    },
    company,
  );
  const stopFollowing = rotator.onChange((roots) => {
    void engine.loop.trust({ pem: roots.trust }); // never rejects
    engine.loop.configure(settingsUnder(roots, settings));
    leaves.recheck();
    if (certificate !== undefined) {
      // Whom it trusts at once; its own certificate as soon as it is there.
      server?.setTls(tlsOf(certificate.current(), authority));
      void certificate.replace(); // never rejects
    }
    void firstEnd(roots).then((end) => {
      rootEnds = end;
    });
  });

  const issuers = (): IssuerEnds => ({ root: rootEnds, first: rotator.roots().signing.issuerEnds });
  const watchNow = (): WatchReport => {
    const [server, webhook] = [certificate?.current(), input.webhookLeaf?.()];
    const alone = company.others().length === 0;
    return watch(watchedOf({ engine, leaves, issuers: issuers(), server, webhook, alone }), clock.now());
  };
  const providers = (): readonly ProviderState[] => {
    const { signing, server: serving } = rotator.roots();
    return providerStates(signing, [serving], clock.now());
  };

  return {
    rootEnds: () => rootEnds,
    certificateTrouble: () => [
      ...issuerTrouble(issuers(), clock.now()),
      ...outageTrouble(providers(), clock.now()),
      ...(certificate?.trouble() ?? []),
      ...watchTrouble(watchNow()),
    ],
    watch: watchNow,
    providers,
    engine,
    authority,
    leaves,
    rotation,
    async listen() {
      const admit = (peer: PeerCertificate): Admission => {
        const identity = identityUnder(rotator.roots(), peer);
        if (identity === undefined)
          return { kind: "refused", reason: `the certificate of "${peer.commonName}" is not a proxy's` };
        const admission = engine.admit(identity);
        if (admission.kind === "admitted") credentials.note(identity, peer.raw);
        return admission;
      };
      const issue: ServerCertificateOptions["authority"]["issue"] = (subject, life) =>
        authority.issueForServer(subject, life);
      const own = await issueServerCertificate({
        authority: { issue },
        dnsNames: () => serverNamesUnder(rotator.roots()),
        server: "the xDS server",
        log,
        clock,
        keep: input.keep,
      });
      certificate = own;
      const tls = tlsOf(own.first, authority);
      server = await createXdsServer({ cache, admit, observe: engine.observer, tls, ...address });
      const serving = server;
      stopRenewing = own.renew((leaf) => serving.setTls(tlsOf(leaf, authority)));
    },
    listening: () => server !== undefined,
    serverLeaf: () => certificate?.current(),
    async stop() {
      if (stopped) return;
      stopped = true;
      stopFollowing();
      rotation.stop();
      stopRenewing();
      await server?.close(STREAM_GRACE);
      engine.stop();
      leaves.stop();
    },
  };
}

function buildLeaves(issuer: RotatingAuthority, clock: Clock, log: EngineLog): LeafStore {
  return new LeafStore({
    issuer,
    clock,
    random: Math.random,
    life: SERVICE_LIFE,
    onFailure({ serviceAccount, error, retryAt }) {
      // Its outage was told of when it began.
      if (error instanceof ProviderUnavailable && error.kind === "waiting") return;
      const account = keyOf(serviceAccount);
      log.error("a service certificate could not be issued", { account, error: String(error), retryAt });
    },
  });
}

async function firstEnd({ trusted, plan }: OpenRoots): Promise<Millis> {
  // The signing root's: one that is on its way out may end in peace.
  const pems = trusted.find(({ name }) => name === plan.signing.name)?.certificates ?? [];
  const ends = await Promise.all(pems.map(async (pem) => (await parseCertificate(pem, "a trusted root")).notAfter));
  return Math.min(...ends);
}

function tlsOf(leaf: Leaf, authority: RotatingAuthority): XdsTls {
  return { certificate: leaf.chain, key: leaf.key.reveal(), trustedRoots: authority.trustBundle().join("") };
}
