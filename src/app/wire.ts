/**
 * Joins the parts into what the commands need.
 *
 * @module
 */
import { once } from "node:events";
import { join } from "node:path";
import type { ClusterFlags } from "../cli/controller.ts";
import type { Millis } from "../core/base/millis.ts";
import type { Parsed } from "../core/model/kind.ts";
import { parseObject } from "../core/model/parse.ts";
import type {
  ClusterDeps,
  ControllerOptions,
  ControlPlaneHandle,
  ControlPlaneOptions,
  PodCredentials,
  ProxyState,
} from "../local/cluster/ports.ts";
import { FileSource } from "../sources/files/file-source.ts";
import { createLogger } from "../telemetry/logger.ts";
import { choiceFrom } from "./certificate-choice.ts";
import { runCluster as runClusterController } from "./cluster-controller.ts";
import { type ControlPlane, createControlPlane, DEFAULT_MESH } from "./control-plane.ts";
import { keepGatewayFiles } from "./gateway-files.ts";
import { imagesFrom } from "./images.ts";
import { serveLocalApi } from "./local-api.ts";
import { openPodCredentials } from "./pod-credentials.ts";
import { openRotation, rootFolder } from "./rotation-files.ts";
import { BUILD } from "./version.ts";

/**
 * From the end of a pod's readiness until no node and no API server sends anybody there: a second or two, more on
 * large clusters. The Deployment gives it 60 s in all.
 */
const DRAIN_TIME: Millis = 10_000;

export const clusterDeps: ClusterDeps = { startControlPlane, openAuthority };

function openAuthority(stateDir: string): Promise<PodCredentials> {
  return openPodCredentials(rootFolder(stateDir), DEFAULT_MESH.trustDomain);
}

async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlaneHandle> {
  const plane = await build(options);
  // Pods are started after this, and only then can a proxy dial: there is nothing yet that listening could refuse.
  await plane.listen();
  const closeApi = await serveLocalApi(options.stateDir, plane, createLogger());
  const stopFiles = keepFiles(options.stateDir, plane);
  return {
    sink: plane.engine.sink,
    proxies: () => proxyStates(plane),
    onChange: (listener) => plane.engine.onChange(listener),
    findings: () => plane.engine.findings(),
    async stop() {
      stopFiles();
      await closeApi();
      await plane.stop();
    },
  };
}

/** The control plane as a process of its own. Resolves when `signal` is aborted and all is stopped. */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const plane = await build(options);
  plane.engine.onChange(() => options.report({ proxies: proxyStates(plane), findings: plane.engine.findings() }));
  const source = new FileSource({ dir: options.objectsDir, depth: "tree", parse: parseAny });
  await source.start(plane.engine.sink);
  // A proxy that comes back must find its pod known, or it would be refused and wait.
  await plane.engine.loop.ready;
  await plane.listen();
  const closeApi = await serveLocalApi(options.stateDir, plane, createLogger());
  const stopFiles = keepFiles(options.stateDir, plane);
  if (!signal.aborted) await once(signal, "abort");
  stopFiles();
  await closeApi();
  await source.stop();
  await plane.stop();
}

function keepFiles(stateDir: string, { authority, engine }: ControlPlane): () => void {
  return keepGatewayFiles({ folder: join(stateDir, "secrets"), authority, engine, log: createLogger() });
}

/** The control plane of a cluster. */
export function runCluster(flags: ClusterFlags, signal: AbortSignal): Promise<void> {
  const { kubeconfig, meshName, osmNamespace, trustDomain, replica } = flags;
  const listen = {
    xds: flags.xdsAddress,
    webhook: flags.webhookAddress,
    http: flags.httpAddress,
    api: flags.apiAddress,
  };
  const settings = { meshName, meshNamespace: osmNamespace, trustDomain };
  // Services send traffic to pods. Outside there is nobody to wait for, and somebody at the keyboard.
  const drainTime = process.env["CONTROLLER_POD_NAME"] === undefined ? 0 : DRAIN_TIME;
  const certificates = choiceFrom(flags, osmNamespace);
  const images = imagesFrom(process.env);
  return runClusterController(
    { settings, kubeconfig, listen, replica, images, certificates, version: BUILD, drainTime },
    signal,
  );
}

/** A kind that the mesh does not read is in nobody's way. */
function parseAny(raw: unknown): Parsed<unknown> {
  return parseObject(raw) ?? { ok: true, value: undefined, findings: [] };
}

function proxyStates({ engine, leaves }: ControlPlane): readonly ProxyState[] {
  return engine.proxies().map(({ uuid, connected, inSync, namespace, serviceAccount }) => {
    const leaf = leaves.current({ namespace, name: serviceAccount });
    return {
      uuid,
      connected,
      inSync,
      ...(leaf && { certificate: { notBefore: leaf.notBefore, notAfter: leaf.notAfter } }),
    };
  });
}

async function build({ stateDir, listen }: ControlPlaneOptions): Promise<ControlPlane> {
  const rotator = await openRotation(rootFolder(stateDir), DEFAULT_MESH.trustDomain);
  return createControlPlane({ settings: DEFAULT_MESH, rotator, address: listen, log: createLogger() });
}
