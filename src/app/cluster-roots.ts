/**
 * The roots of a cluster's mesh: the first as the flags say, later ones as the rotation's record does.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { SYSTEM_CLOCK } from "../ca/clock.ts";
import { proveRoot } from "../ca/proof.ts";
import { providerKeeper, sourceFrom } from "../cluster/root-providers.ts";
import { clusterRecordStore, secretKeeper } from "../cluster/rotation-store.ts";
import { webhookServerNames } from "../cluster/server-names.ts";
import { parseRecord, type RootSource, RotationRefused, steadyOn } from "../rotation/record.ts";
import { RootOpener } from "../rotation/roots.ts";
import { Rotator } from "../rotation/rotator.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ClusterOptions } from "./cluster-options.ts";

export interface ClusterRootsOptions {
  readonly client: KubernetesClient;
  readonly options: Pick<ClusterOptions, "settings" | "certificates">;
  readonly log: Logger;
}

export interface ClusterRoots {
  /** Rejects if the API server or the provider does not answer, or the root that signs cannot be used. */
  open(): Promise<Rotator>;
  /** Ends timers and connections of providers. */
  close(): void;
}

export function clusterRoots({ client, options, log }: ClusterRootsOptions): ClusterRoots {
  const { certificates, settings } = options;
  const place = { client, namespace: settings.meshNamespace };
  const now = () => SYSTEM_CLOCK.now();
  const keeper = providerKeeper({
    client,
    builtin: secretKeeper(place, now),
    meshNamespace: settings.meshNamespace,
    clock: SYSTEM_CLOCK,
    random: Math.random,
    vault: certificates.vault,
    vaultToken: certificates.vaultToken,
    onWarning: (message) => log.error(message),
    onOutage(provider, event) {
      if (event.kind === "began") log.error("a certificate provider is out", { provider, error: String(event.error) });
      else log.info("a certificate provider is back", { provider, lasted: event.lasted, failures: event.failures });
    },
  });
  const servers = webhookServerNames(settings.meshNamespace);
  const wanted = sourceFrom(certificates.spec);
  const first = { name: nameOf(wanted), source: wanted, trustDomain: settings.trustDomain, certificates: [] };

  /** Other flags of a mesh that has a root already: taken at once, they would cut off every proxy. */
  async function followFlags(rotator: Rotator): Promise<void> {
    const { record, plan } = rotator.roots();
    if (!plan.trustDomains.includes(settings.trustDomain)) {
      const told = { flag: settings.trustDomain, inForce: plan.signing.trustDomain };
      log.error("--trust-domain is not the mesh's: change it by `osm certificate rotate --trust-domain`", told);
    }
    if (isDeepStrictEqual(plan.signing.source, wanted)) return;
    const told = { flags: wanted.kind, inForce: plan.signing.source.kind };
    if (record.phase !== "steady" || record.step > 0) {
      log.info("who signs was changed by a rotation; the flags are not looked at any more", told);
      return;
    }
    log.info("the flags name another root than the one in force: a rotation to it begins", told);
    await rotator.start({ to: first }).catch((cause: unknown) => {
      if (!(cause instanceof RotationRefused)) throw cause;
      log.error("the flags cannot be followed", { ...told, error: cause.message });
    });
  }

  return {
    async open() {
      const rotator = await Rotator.open({
        store: clusterRecordStore(place, parseRecord),
        opener: new RootOpener(keeper, now, (authority) => proveRoot(authority, servers)),
        initial: steadyOn(first, 0),
        now,
      });
      await rotator.keep();
      await followFlags(rotator);
      return rotator;
    },
    close: () => keeper.close(),
  };
}

function nameOf(source: RootSource): string {
  return source.kind === "builtin" ? source.store : source.kind;
}
