/**
 * What injection knows of its mesh, beyond the MeshConfig.
 *
 * @module
 */

export interface InjectSettings {
  readonly meshName: string;
  readonly meshNamespace: string;
  readonly trustDomain: string;
  /** Where proxies find the control plane; `osm-controller.<mesh namespace>.svc.cluster.local` in a cluster. */
  readonly controllerHost: string;
  /** Of the control plane, for labels. */
  readonly version: string;
  /** In force where the MeshConfig names none; "": there is no default. */
  readonly envoyImage: string;
  readonly envoyWindowsImage: string;
  readonly initImage: string;
  /** Of the init container; left out, the kubelet chooses by the image's tag. */
  readonly initPullPolicy?: "Always" | "IfNotPresent" | "Never";
  /** The cluster runs init containers with `restartPolicy: Always` beside the others (Kubernetes 1.29 and later). */
  readonly nativeSidecars: boolean;
}
