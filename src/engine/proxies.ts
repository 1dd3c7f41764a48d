/**
 * The proxies that are connected, and what they said of what they were sent.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { StreamInfo, XdsObserver } from "../xds/observer.ts";
import type { ResourceKind } from "../xds/resource.ts";
import type { Clock } from "./clock.ts";

export interface Rejection {
  readonly kind: ResourceKind;
  readonly version: string;
  /** Resources that Envoy's message names; may be empty. */
  readonly names: readonly string[];
  /** In Envoy's words. */
  readonly message: string;
}

export interface ConnectedProxy {
  readonly key: string;
  readonly since: Millis;
  /** Of the stream that was opened last. */
  readonly protocol: StreamInfo["protocol"];
  /** Versions of whole groups that the proxy accepted last. */
  readonly acknowledged: ReadonlyMap<ResourceKind, string>;
  /** Until it accepts something newer of the type. */
  readonly rejections: readonly Rejection[];
}

export interface ProxyRegistry extends Pick<XdsObserver, "connected" | "disconnected" | "acknowledged" | "rejected"> {
  read(key: string): ConnectedProxy | undefined;
  all(): readonly ConnectedProxy[];
  count(): number;
}

interface Entry {
  readonly key: string;
  readonly since: Millis;
  readonly streams: Map<number, StreamInfo["protocol"]>;
  readonly acknowledged: Map<ResourceKind, string>;
  readonly rejections: Map<ResourceKind, Rejection>;
}

/** @param onChange - A proxy came, went, accepted or refused something. */
export function createProxyRegistry(clock: Clock, onChange: (key: string) => void): ProxyRegistry {
  const entries = new Map<string, Entry>();
  const view = ({ key, since, streams, acknowledged, rejections }: Entry): ConnectedProxy => ({
    key,
    since,
    // An entry is dropped with its last stream.
    protocol: [...streams.values()].at(-1) ?? "delta",
    acknowledged,
    rejections: [...rejections.values()],
  });
  return {
    connected({ id, proxy: key, protocol }) {
      const entry = entries.get(key) ?? {
        key,
        since: clock.now(),
        streams: new Map(),
        acknowledged: new Map(),
        rejections: new Map(),
      };
      entries.set(key, entry);
      entry.streams.set(id, protocol);
      onChange(key);
    },
    disconnected({ id, proxy: key }) {
      const entry = entries.get(key);
      entry?.streams.delete(id);
      if (entry?.streams.size === 0) entries.delete(key);
      onChange(key);
    },
    acknowledged({ proxy, kind, version }) {
      const entry = entries.get(proxy);
      entry?.acknowledged.set(kind, version);
      entry?.rejections.delete(kind);
      onChange(proxy);
    },
    rejected({ proxy, kind, version, names, message }) {
      entries.get(proxy)?.rejections.set(kind, { kind, version, names, message });
      onChange(proxy);
    },
    read(key) {
      const entry = entries.get(key);
      return entry && view(entry);
    },
    all: () => [...entries.values()].map(view),
    count: () => entries.size,
  };
}
