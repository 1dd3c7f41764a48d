/**
 * The ingress gateway's certificate of a mesh on one machine: the Secret that the MeshConfig asks for, as a folder
 * `<state>/secrets/<namespace>/<name>` of `ca.crt`, `tls.crt` and `tls.key`.
 *
 * @module
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type GatewayAuthority, type HeldGatewayCertificate, renewGateway } from "../ca/gateway-certificate.ts";
import type { Millis } from "../core/base/millis.ts";
import type { CertificateSettings } from "../core/model/mesh-config.ts";
import type { Engine } from "../engine/engine.ts";
import type { EngineLog } from "../engine/ports.ts";

/** Between two looks at what is due. */
const EVERY: Millis = 1000;

export interface GatewayFilesOptions {
  readonly folder: string;
  readonly authority: GatewayAuthority;
  readonly engine: Pick<Engine, "loop">;
  readonly log: EngineLog;
}

/** Keeps the files right until the returned function is called. */
export function keepGatewayFiles({ folder, authority, engine, log }: GatewayFilesOptions): () => void {
  let busy = false;
  let trouble = "";
  // The keys of a mesh that was here before are of no use to this one.
  rmSync(folder, { recursive: true, force: true });
  let written: string | undefined;

  async function look(): Promise<void> {
    const mesh = engine.loop.mesh();
    if (busy || mesh === undefined) return;
    busy = true;
    try {
      written = await renewFiles({ folder, authority, written }, mesh.graph.config.certificate.ingressGateway);
      trouble = "";
    } catch (error) {
      if (String(error) !== trouble)
        log.error("the ingress gateway's certificate was not written", { error: String(error) });
      trouble = String(error);
    }
    busy = false;
  }

  const timer = setInterval(() => void look(), EVERY); // never rejects
  return () => clearInterval(timer);
}

interface Files {
  readonly folder: string;
  readonly authority: GatewayAuthority;
  /** Where the last certificate is. */
  readonly written: string | undefined;
}

/** @returns Where the certificate is now. */
async function renewFiles(
  { folder, authority, written }: Files,
  wanted: CertificateSettings["ingressGateway"],
): Promise<string | undefined> {
  const place = wanted && join(folder, wanted.secret.namespace, wanted.secret.name);
  if (written !== undefined && written !== place) rmSync(written, { recursive: true, force: true });
  if (wanted === undefined || place === undefined) return undefined;
  const request = { dnsNames: wanted.subjectAltNames, life: wanted.validityMs };
  const renewed = await renewGateway(authority, request, heldIn(place), Date.now());
  if (renewed === undefined) return place;
  const { trusted, chain, key, version } = renewed;
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const files = { "ca.crt": trusted, "tls.key": key.reveal(), version, "tls.crt": chain };
  for (const [name, text] of Object.entries(files)) {
    const path = join(place, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return place;
}

function heldIn(place: string): HeldGatewayCertificate | undefined {
  const read = (name: string): string => readFileSync(join(place, name), "utf8");
  try {
    return { trusted: read("ca.crt"), chain: read("tls.crt"), version: read("version") };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
