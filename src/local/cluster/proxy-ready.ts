/**
 * When a new pod's Envoy has its configuration, so that the application may start behind it.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { Clock } from "../../engine/clock.ts";
import type { ProxyState } from "./ports.ts";

/** A proxy that stays connected without accepting all it is sent will not get better by waiting. */
const PATIENCE: Millis = 5_000;

/** What is known of the proxies. */
export interface ProxyWatch {
  proxies(): readonly ProxyState[];
  onChange(listener: () => void): () => void;
}

/** Resolves once the proxy is connected and in sync, or was connected for long enough. */
export function untilProxyReady(uuid: string, watch: ProxyWatch, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    let cancelPatience: (() => void) | undefined;
    const finish = (): void => {
      cancelPatience?.();
      unsubscribe();
      resolve();
    };
    const look = (): void => {
      const proxy = watch.proxies().find((one) => one.uuid === uuid);
      if (proxy?.connected !== true) return;
      if (proxy.inSync) finish();
      else cancelPatience ??= clock.after(PATIENCE, finish);
    };
    const unsubscribe = watch.onChange(look);
    look();
  });
}
