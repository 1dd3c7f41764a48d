/**
 * By which names the control plane's webhooks are called.
 *
 * @module
 */

/** The API server calls by Service; outside a cluster, by address. The first is the common name. */
export function webhookServerNames(namespace: string): readonly [string, ...string[]] {
  const others = ["osm-validator", "osm-controller"].flatMap((name) => [
    `${name}.${namespace}.svc`,
    `${name}.${namespace}`,
  ]);
  return [`osm-injector.${namespace}.svc`, `osm-injector.${namespace}`, ...others, "localhost"];
}
