/**
 * What the control plane of a cluster is started with.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { MeshSettings } from "../core/graph/settings.ts";
import type { CertificateChoice } from "./certificate-choice.ts";
import type { Images } from "./images.ts";
import type { BuildInfo } from "./version.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** A server that runs. */
export interface ServerHandle {
  /** From now on every answer ends its connection, while new ones are still accepted. */
  drain(): void;
  /** Never rejects. */
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly settings: MeshSettings;
  /** undefined: the usual places, then the pod's own service account. */
  readonly kubeconfig: string | undefined;
  readonly listen: {
    readonly xds: ListenAddress;
    readonly webhook: ListenAddress;
    readonly http: ListenAddress;
    readonly api: ListenAddress;
  };
  /** Of this replica: its pod's name. */
  readonly replica: string;
  readonly images: Images;
  /** Who signs, as long as no rotation has said otherwise. */
  readonly certificates: CertificateChoice;
  readonly version: BuildInfo;
  /** For which it goes on serving after it was asked to stop, until nobody is sent to it any more. */
  readonly drainTime: Millis;
}
