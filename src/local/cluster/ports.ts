/**
 * What the cluster half of `osm local` needs from outside: a control plane and an authority. `app/wire.ts` provides both.
 *
 * @module
 */
import type { Finding } from "../../core/base/finding.ts";
import type { ProxyIdentity } from "../../core/base/identity.ts";
import type { Millis } from "../../core/base/millis.ts";
import type { Redacted } from "../../core/base/redacted.ts";
import type { ObjectSink } from "../../engine/ports.ts";
import { MACHINE_ADDRESS } from "../runtime/ports.ts";

/** Where Envoys dial the control plane; `osm-controller.osm-system.svc.cluster.local` resolves to it inside pods. */
export const XDS_ADDRESS = { host: MACHINE_ADDRESS, port: 15128 } as const;
export const MESH_NAMESPACE = "osm-system";

/** What a proxy shows to the control plane, in PEM. */
export interface PodCredential {
  readonly chain: string;
  readonly key: Redacted<string>;
  /** Trusted roots. */
  readonly root: string;
  readonly trustDomain: string;
  /** Of `PodCredentials`, when it was issued. */
  readonly revision: string;
}

/** Issues the certificate that a pod's Envoy dials the control plane with. */
export interface PodCredentials {
  issue(proxy: ProxyIdentity): Promise<PodCredential>;
  /** Changes when credentials are to be issued anew, since roots come and go. */
  revision(): string;
  /** Calls `listener` after each such change. */
  onChange(listener: () => void): void;
  stop(): void;
}

export interface ProxyState {
  readonly uuid: string;
  readonly connected: boolean;
  /** Acknowledged everything that it was sent, listeners included. */
  readonly inSync: boolean;
  /** Of the leaf that it was last given; epoch milliseconds. Absent until then. */
  readonly certificate?: { readonly notBefore: Millis; readonly notAfter: Millis };
}

export interface ControlPlaneOptions {
  /** The root of trust lives in `<stateDir>/ca`; nothing else is written outside `<stateDir>/control-plane`. */
  readonly stateDir: string;
  readonly listen: { readonly host: string; readonly port: number };
}

/** A control plane in this process. */
export interface ControlPlaneHandle {
  readonly sink: ObjectSink;
  proxies(): readonly ProxyState[];
  /** Calls `listener` after any change of `proxies()` or `findings()`; returns its end. */
  onChange(listener: () => void): () => void;
  findings(): readonly Finding[];
  stop(): Promise<void>;
}

/** `osm controller` as `osm local` starts it: the control plane as a process of its own, fed by a directory. */
export interface ControllerOptions extends ControlPlaneOptions {
  /** A directory of JSON objects, written by `osm local`, to be watched with `sources/files`. */
  readonly objectsDir: string;
  /** To be told after any change, so that `osm local status` can show it and new pods know when to start. */
  report(state: ControllerState): void;
}

/** What a control plane knows of its proxies and of the objects. */
export interface ControllerState {
  readonly proxies: readonly ProxyState[];
  readonly findings: readonly Finding[];
}

export interface ClusterDeps {
  /** Starts serving xDS. The root of trust exists already: `openAuthority` was called before. */
  startControlPlane(options: ControlPlaneOptions): Promise<ControlPlaneHandle>;
  /** Opens `<stateDir>/ca` (`ca.crt`, `private.key`, mode 0600), making the root if there is none. */
  openAuthority(stateDir: string): Promise<PodCredentials>;
}
