/**
 * What the watchdog looks at: what is in force here, and what proxies accepted.
 *
 * @module
 */
import type { AdoptedLeaf } from "../ca/adopted-leaves.ts";
import type { Leaf } from "../ca/leaf.ts";
import type { LeafStore } from "../ca/leaves.ts";
import type { Watched } from "../ca/watchdog.ts";
import type { Millis } from "../core/base/millis.ts";
import { keyOf } from "../core/base/ref.ts";
import type { Engine, ProxyState } from "../engine/engine.ts";

export interface WatchSources {
  readonly engine: Pick<Engine, "proxies">;
  readonly leaves: Pick<LeafStore, "all" | "adopted">;
  readonly issuers: IssuerEnds;
  /** The xDS server's; undefined before it listens. */
  readonly server: Leaf | undefined;
  /** Of the webhooks' server; undefined before it listens, or where there is none. */
  readonly webhook: Leaf | undefined;
  /** No other replica lives, so a proxy that is not connected here is connected to nobody. */
  readonly alone: boolean;
}

/** Of those whom new leaves lead to. Epoch milliseconds. */
export interface IssuerEnds {
  readonly root: Millis;
  /** The first of all issuers, the root too. */
  readonly first: Millis;
}

export function watchedOf({ engine, leaves, issuers, server, webhook, alone }: WatchSources): readonly Watched[] {
  const { root, first } = issuers;
  return [
    { class: "root", name: "the mesh", issuedAt: 0, notAfter: root },
    ...(first < root ? [{ class: "intermediate", name: "the mesh", issuedAt: 0, notAfter: first } as const] : []),
    ...leaves.all().map(({ serviceAccount, leaf }): Watched => watchedLeaf("service", keyOf(serviceAccount), leaf)),
    ...leaves.adopted().map(watchedAdopted),
    ...engine.proxies().flatMap((proxy) => watchedProxy(proxy, alone)),
    ...(server === undefined ? [] : [watchedLeaf("xds-server", "the xDS server", server)]),
    ...(webhook === undefined ? [] : [watchedLeaf("webhook-server", "the webhook server", webhook)]),
  ];
}

/** Of no proxy more than its word is known; it counts as one proxy's. */
function watchedAdopted({ serviceAccount, issuedAt, notAfter }: AdoptedLeaf): Watched {
  const name = `${keyOf(serviceAccount)} (issued before, or by another replica)`;
  return { class: "proxy", name, issuedAt, notAfter };
}

function watchedProxy(
  { connected, started, namespace, pod, certificate }: ProxyState,
  alone: boolean,
): readonly Watched[] {
  // Without a word of its own from this life of the control plane, nobody knows what it holds.
  if (certificate === undefined) return [];
  const name = `the proxy of ${namespace}/${pod}`;
  if (connected) return [{ class: "proxy", name, ...certificate }];
  // It may have a newer one from another replica; and what has not started, or goes, serves nobody.
  if (!alone || !started) return [];
  return [{ class: "proxy-away", name: `${name} (not connected)`, ...certificate }];
}

function watchedLeaf(kind: Watched["class"], name: string, { issuedAt, notAfter }: Leaf): Watched {
  return { class: kind, name, issuedAt, notAfter };
}
