/**
 * The webhooks' server: HTTPS with a certificate of our own CA, and what admission asks of the rest.
 *
 * @module
 */
import { Hono } from "hono";
import type { Leaf } from "../ca/leaf.ts";
import { writeBootstrap } from "../cluster/bootstrap-secrets.ts";
import { webhookServerNames } from "../cluster/server-names.ts";
import type { Millis } from "../core/base/millis.ts";
import { MESH_CONFIG_NAME, type MeshSettings } from "../core/graph/settings.ts";
import type { InjectSettings } from "../core/inject/settings.ts";
import { isRecord } from "../core/model/fields.ts";
import { DEFAULT_MESH_CONFIG, type MeshConfig } from "../core/model/mesh-config.ts";
import type { MeshRootCertificate } from "../core/model/mesh-root-certificate.ts";
import { Namespace } from "../core/model/namespace.ts";
import { mutateRoutes } from "../http/admission/mutate.ts";
import type { AdmissionObservation } from "../http/admission/observation.ts";
import { validateRoutes } from "../http/admission/validate.ts";
import type { CertificateTrouble } from "../http/readiness.ts";
import { startHttpServer } from "../platform/http-server.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ListenAddress, ServerHandle } from "./cluster-options.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { Images } from "./images.ts";
import { type CertificateKeep, issueServerCertificate } from "./server-certificate.ts";
import type { BuildInfo } from "./version.ts";

/** OSM's: ten years. A pod's credential ends with its pod, since the pod must exist. */
const PROXY_LIFE: Millis = 87_600 * 3_600_000;
const GRACE: Millis = 5000;
/** Since then the feature is on without being asked for. */
const NATIVE_SIDECARS_SINCE = 29;

export interface AdmissionServerOptions {
  readonly address: ListenAddress;
  readonly client: KubernetesClient;
  readonly plane: ControlPlane;
  readonly settings: MeshSettings;
  readonly images: Images;
  readonly version: BuildInfo;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly keep: CertificateKeep;
}

export interface AdmissionServer extends ServerHandle {
  /** What is wrong with its certificate. */
  certificateTrouble(): readonly CertificateTrouble[];
  /** The certificate that it shows. */
  leaf(): Leaf;
}

/** Rejects where the API server does not say its version, or the address cannot be had. */
export async function serveAdmission(options: AdmissionServerOptions): Promise<AdmissionServer> {
  const { address, plane, settings, log } = options;
  const nativeSidecars = await hasNativeSidecars(options.client);
  const certificate = await issueServerCertificate({
    authority: plane.authority,
    dnsNames: () => webhookServerNames(settings.meshNamespace),
    server: "the webhook server",
    log,
    keep: options.keep,
  });
  const app = new Hono().route("/", mutateRoutes(injectionDeps(options, nativeSidecars)));
  app.route(
    "/",
    validateRoutes({
      settings: () => ({ ...settings, validateTrafficTarget: true, roots: knownRoots(plane) }),
      observe: observer(options),
    }),
  );
  const server = await startHttpServer({
    fetch: (request) => app.fetch(request),
    listen: address,
    tls: tlsOf(certificate.first),
    onError: (error) => log.error("a webhook could not answer", { error: String(error) }),
  });
  const stopRenewing = certificate.renew((leaf) => server.setTls(tlsOf(leaf)));
  const stopFollowing = plane.rotation.rotator.onChange(({ signing }) => {
    if (certificate.current().issuerId !== signing.issuerId) void certificate.replace(); // never rejects
  });
  return {
    certificateTrouble: () => certificate.trouble(),
    leaf: () => certificate.current(),
    drain: () => server.drain(),
    async stop() {
      stopRenewing();
      stopFollowing();
      await server.stop(GRACE);
    },
  };
}

function tlsOf({ chain, key }: Leaf) {
  return { certificate: chain, key };
}

function injectionDeps(options: AdmissionServerOptions, nativeSidecars: boolean): Parameters<typeof mutateRoutes>[0] {
  const { client, plane, settings } = options;
  return {
    settings: () => injectSettings(options, nativeSidecars),
    meshConfig: () => currentMeshConfig(plane, settings),
    readNamespace: (name, signal) => readNamespace(options, name, signal),
    newUuid: () => crypto.randomUUID(),
    async issueProxyCredential(identity) {
      const { chain, key, issuerId } = await plane.authority.issue({ kind: "proxy", identity }, PROXY_LIFE);
      return { chain, key, issuerId, roots: plane.authority.trustBundle().join("") };
    },
    writeBootstrap: (secret, signal) => writeBootstrap(client, secret, signal),
    observe: observer(options),
  };
}

function injectSettings(
  { settings, images, version }: AdmissionServerOptions,
  nativeSidecars: boolean,
): InjectSettings {
  return {
    ...settings,
    controllerHost: `osm-controller.${settings.meshNamespace}.svc.cluster.local`,
    version: version.version,
    envoyImage: images.envoy,
    envoyWindowsImage: images.envoyWindows,
    initImage: images.init,
    nativeSidecars,
  };
}

function knownRoots(plane: ControlPlane): readonly MeshRootCertificate[] {
  return [...plane.engine.loop.store.snapshot().objects.MeshRootCertificate.values()];
}

function currentMeshConfig(plane: ControlPlane, { meshNamespace }: MeshSettings): MeshConfig {
  const known = plane.engine.loop.store.snapshot().objects.MeshConfig;
  return known.get(`${meshNamespace}/${MESH_CONFIG_NAME}`) ?? DEFAULT_MESH_CONFIG;
}

/** From what is known; a namespace that is a moment old is asked for. */
async function readNamespace({ client, plane }: AdmissionServerOptions, name: string, signal: AbortSignal) {
  const known = plane.engine.loop.store.snapshot().objects.Namespace.get(`/${name}`);
  const namespace = known ?? (await fetchNamespace(client, name, signal));
  return namespace && { name, labels: namespace.meta.labels, annotations: namespace.meta.annotations };
}

async function fetchNamespace(
  client: KubernetesClient,
  name: string,
  signal: AbortSignal,
): Promise<Namespace | undefined> {
  try {
    const parsed = Namespace.parse(
      await client.request({ path: `/api/v1/namespaces/${encodeURIComponent(name)}`, signal }),
    );
    return parsed.ok ? parsed.value : undefined;
  } catch (cause) {
    if (hasStatus(cause, 404)) return undefined;
    throw cause;
  }
}

async function hasNativeSidecars(client: KubernetesClient): Promise<boolean> {
  const version = await client.request({ path: "/version" });
  const minor = isRecord(version) ? Number.parseInt(String(version["minor"]), 10) : 0;
  return minor >= NATIVE_SIDECARS_SINCE;
}

function observer({ log, metrics }: AdmissionServerOptions): (observation: AdmissionObservation) => void {
  return ({ webhook, kind, outcome, namespace, reason, cause }) => {
    metrics.webhookAnswered({ kind, success: outcome !== "failed" && outcome !== "malformed" });
    if (outcome === "failed" || outcome === "malformed") {
      log.error("a webhook could not decide", { webhook, kind, outcome, namespace, reason, cause });
    } else if (outcome === "refused") log.info("a webhook refused", { webhook, kind, namespace, reason });
  };
}
