/**
 * What the demo asks of a mesh on one machine. `local/` provides it; the demo knows no more of it than this.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";

export interface PodProxy {
  /** Its service account and namespace, `bookbuyer/bookbuyer`. */
  readonly identity: string;
  /** Has it a stream to the control plane now? */
  readonly connected: boolean;
  /** Of the leaf that it was last given; undefined until then. Epoch milliseconds. */
  readonly certificate: { readonly notBefore: Millis; readonly notAfter: Millis } | undefined;
  /** TLS handshakes that it completed as a server, from its own statistics; undefined where these are not read. */
  readonly handshakes: number | undefined;
}

export interface PodStatus {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As Kubernetes means it: all containers run and their readiness probes pass, the sidecar's too. */
  readonly ready: boolean;
  /** Why it is not ready, for people; "" if it is. */
  readonly reason: string;
  /** undefined: a pod outside the mesh. */
  readonly proxy: PodProxy | undefined;
}

export interface MeshStatus {
  /** Every pod that should run, whether it does or not. */
  readonly pods: readonly PodStatus[];
}

export interface LocalMesh {
  status(): Promise<MeshStatus>;
  /** Applies every object of a YAML text, as `osm local apply -f` does. Rejects with what was wrong in it. */
  apply(yaml: string): Promise<void>;
  /** GETs a port of a pod from the machine's own address, past the sidecar as a kubelet's probe goes. Rejects unless 2xx. */
  fetchPod(pod: { readonly namespace: string; readonly name: string }, port: number, path: string): Promise<string>;
  /** Takes everything down; resolves once nothing is left. */
  down(): Promise<void>;
}

export interface LaunchInput {
  /** Holds the manifests; watched as `osm local up` watches. */
  readonly directory: string;
  /** Aborted: give up, take down what is up, reject. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export interface LocalMeshes {
  /** What is missing on this machine, one line a thing with the way to get it. Empty: a mesh can be launched. */
  preflight(): Promise<readonly string[]>;
  /** Resolves once the control plane runs and pods are being started; they need not be ready. */
  launch(input: LaunchInput): Promise<LocalMesh>;
}
