/**
 * Metrics of certificates, of those who sign them, and of the change of the root.
 *
 * @module
 */
import type { Registry } from "prom-client";
import type { Millis } from "../core/base/millis.ts";
import { readGauge, readLabelledGauge } from "./reads.ts";

/** Read at each scrape. */
export interface CertificateSources {
  /** Epoch milliseconds at which each root and leaf ends; the soonest counts. */
  certificateEnds(): Iterable<Millis>;
  certificates(): CertificateCounts;
  /** Who signs for the mesh, and for how long each has issued nothing. */
  providers(): Iterable<{ readonly name: string; readonly out: Millis | undefined }>;
  /** Where the change of the root stands, and how many hold it back. */
  rotation(): { readonly phase: string; readonly laggards: number };
}

export interface CertificateCounts {
  /** Until the first certificate of each class ends; below 0 once it has. */
  readonly left: Iterable<readonly [kind: string, left: Millis]>;
  /** In force and ended. */
  readonly expired: number;
  /** Those, and all that should have been replaced by now. */
  readonly overdue: number;
}

const SECOND: Millis = 1000;
const ROTATION_PHASES = ["steady", "trusting", "issuing", "returning"] as const;

export function registerCertificates(sources: CertificateSources, registers: Registry[]): void {
  readGauge({
    name: "osm_cert_soonest_end_seconds",
    help: "When the first certificate in force ends, as Unix time; 0 without any",
    registers,
    read: () => soonest(sources.certificateEnds()),
  });
  readLabelledGauge({
    name: "osm_certificate_seconds_to_expiry",
    help: "Until the first certificate of the class ends; below 0 once it has",
    label: "class",
    registers,
    read: () => [...sources.certificates().left].map(([kind, left]) => [kind, left / SECOND]),
  });
  readGauge({
    name: "osm_certificates_overdue",
    help: "Certificates in force that should have been replaced by now, those that have ended too",
    registers,
    read: () => sources.certificates().overdue,
  });
  readGauge({
    name: "osm_certificates_expired",
    help: "Certificates in force that have ended: nobody renewed them",
    registers,
    read: () => sources.certificates().expired,
  });
  registerProviders(sources, registers);
  registerRotation(sources, registers);
}

function registerProviders(sources: CertificateSources, registers: Registry[]): void {
  const common = { label: "provider", registers };
  readLabelledGauge({
    ...common,
    name: "osm_certificate_provider_up",
    help: "1 if the provider's last answer to this replica was a certificate, otherwise 0",
    read: () => [...sources.providers()].map(({ name, out }) => [name, out === undefined ? 1 : 0]),
  });
  readLabelledGauge({
    ...common,
    name: "osm_certificate_provider_outage_seconds",
    help: "For how long the provider has given this replica no certificate; 0 while it does",
    read: () => [...sources.providers()].map(({ name, out = 0 }) => [name, out / SECOND]),
  });
}

function registerRotation(sources: CertificateSources, registers: Registry[]): void {
  readGauge({
    name: "osm_root_rotation_laggards",
    help: "Proxies and replicas that hold back the change of the root",
    registers,
    read: () => sources.rotation().laggards,
  });
  readLabelledGauge({
    name: "osm_root_rotation_phase",
    help: "1 for the phase that the change of the root is in",
    label: "phase",
    registers,
    read: () => {
      const { phase } = sources.rotation();
      return ROTATION_PHASES.map((one) => [one, one === phase ? 1 : 0]);
    },
  });
}

function soonest(ends: Iterable<Millis>): number {
  const first = [...ends].reduce((least, end) => Math.min(least, end), Number.POSITIVE_INFINITY);
  return Number.isFinite(first) ? first / SECOND : 0;
}
