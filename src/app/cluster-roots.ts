/**
 * The roots of a cluster's mesh: the first as the flags say, all later ones as the rotation's record says.
 *
 * @module
 */
import { SYSTEM_CLOCK } from "../ca/clock.ts";
import { providerKeeper, sourceFrom } from "../cluster/root-providers.ts";
import { clusterRecordStore, secretKeeper } from "../cluster/rotation-store.ts";
import { parseRecord, type RootSource, steadyOn } from "../rotation/record.ts";
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
  const wanted = sourceFrom(certificates.spec);
  const first = { name: nameOf(wanted), source: wanted, trustDomain: settings.trustDomain, certificates: [] };

  return {
    async open() {
      const rotator = await Rotator.open({
        store: clusterRecordStore(place, parseRecord),
        opener: new RootOpener(keeper, now),
        initial: steadyOn(first, 0),
        now,
      });
      const signing = rotator.roots().plan.signing.source;
      // A changed flag alone would cut proxies off; a rotation does not.
      if (signing.kind !== wanted.kind) {
        const said = "the flags name another certificate provider than the one in force: it changes by a rotation";
        log.error(said, { flags: wanted.kind, inForce: signing.kind });
      }
      return rotator;
    },
    close: () => keeper.close(),
  };
}

function nameOf(source: RootSource): string {
  return source.kind === "builtin" ? source.store : source.kind;
}
