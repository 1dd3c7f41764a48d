/**
 * What the watchdog looks at: what is in force here, and what proxies accepted.
 *
 * @module
 */
import type { Leaf } from "../ca/leaf.ts";
import type { LeafStore } from "../ca/leaves.ts";
import type { Watched } from "../ca/watchdog.ts";
import type { Millis } from "../core/base/millis.ts";
import { keyOf } from "../core/base/ref.ts";
import type { Engine } from "../engine/engine.ts";

export interface WatchSources {
  readonly engine: Pick<Engine, "proxies">;
  readonly leaves: Pick<LeafStore, "all">;
  readonly rootEnds: Millis;
  /** The xDS server's; undefined before it listens. */
  readonly server: Leaf | undefined;
}

export function watchedOf({ engine, leaves, rootEnds, server }: WatchSources): readonly Watched[] {
  return [
    { class: "root", name: "the mesh", issuedAt: 0, notAfter: rootEnds },
    ...leaves.all().map(({ serviceAccount, leaf }): Watched => watchedLeaf("service", keyOf(serviceAccount), leaf)),
    // One that is not connected here may have a newer one from another replica.
    ...engine
      .proxies()
      .flatMap(({ connected, namespace, pod, certificate }): readonly Watched[] =>
        connected && certificate ? [{ class: "proxy", name: `the proxy of ${namespace}/${pod}`, ...certificate }] : [],
      ),
    ...(server === undefined ? [] : [watchedLeaf("xds-server", "the xDS server", server)]),
  ];
}

export function watchedLeaf(kind: Watched["class"], name: string, { issuedAt, notAfter }: Leaf): Watched {
  return { class: kind, name, issuedAt, notAfter };
}
