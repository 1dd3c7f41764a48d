/**
 * Probes of a container, with Kubernetes' defaults. Spans are in seconds, as Kubernetes counts them.
 *
 * @module
 */
export type ProbeAction =
  | {
      readonly kind: "http";
      readonly scheme: "HTTP" | "HTTPS";
      readonly path: string;
      /** A number or the name of a port of the container. */
      readonly port: number | string;
      readonly headers: readonly { readonly name: string; readonly value: string }[];
      /** "": the pod's own address. */
      readonly host: string;
    }
  | { readonly kind: "tcp"; readonly port: number | string; readonly host: string }
  | { readonly kind: "exec"; readonly command: readonly string[] }
  | { readonly kind: "grpc"; readonly port: number; readonly service: string };

export interface Probe {
  readonly action: ProbeAction;
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}
