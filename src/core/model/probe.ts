/**
 * Probes of a container, with Kubernetes' defaults. Spans are in seconds, as Kubernetes counts them.
 *
 * @module
 */
import * as v from "valibot";
import { AnyText, fieldsOf, filled, listOf, NameText, Port, Text, wholeFrom } from "./fields.ts";
import { PortOrName } from "./port.ts";

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

const HttpGet = fieldsOf({
  scheme: filled(v.picklist(["HTTP", "HTTPS"], "HTTP or HTTPS"), "HTTP"),
  path: filled(AnyText, "/"),
  port: PortOrName,
  host: Text,
  httpHeaders: listOf(fieldsOf({ name: NameText, value: Text })),
});

/** One of them must be there; Kubernetes refuses two. */
const ACTIONS = {
  httpGet: v.nullish(HttpGet),
  tcpSocket: v.nullish(fieldsOf({ port: PortOrName, host: Text })),
  exec: v.nullish(fieldsOf({ command: listOf(AnyText) })),
  grpc: v.nullish(fieldsOf({ port: Port, service: Text })),
};

const Fields = fieldsOf({
  ...ACTIONS,
  initialDelaySeconds: v.nullish(wholeFrom(0), 0),
  periodSeconds: filled(wholeFrom(1), 10),
  timeoutSeconds: filled(wholeFrom(1), 1),
  successThreshold: filled(wholeFrom(1), 1),
  failureThreshold: filled(wholeFrom(1), 3),
});

/** A probe as a container has it. */
export const ProbeField = v.pipe(
  Fields,
  v.rawTransform(({ dataset, addIssue, NEVER }): Probe => {
    const { httpGet, tcpSocket, exec, grpc, ...times } = dataset.value;
    const actions = actionsOf({ httpGet, tcpSocket, exec, grpc });
    const [action] = actions;
    if (action !== undefined && actions.length === 1) return { action, ...times };
    addIssue({ message: "a probe with exactly one of httpGet, tcpSocket, exec and grpc" });
    return NEVER;
  }),
);

type Written = Pick<v.InferOutput<typeof Fields>, keyof typeof ACTIONS>;

function actionsOf({ httpGet, tcpSocket, exec, grpc }: Written): readonly ProbeAction[] {
  const found: ProbeAction[] = [];
  if (httpGet != null) {
    const { httpHeaders, ...rest } = httpGet;
    found.push({ kind: "http", ...rest, headers: httpHeaders });
  }
  if (tcpSocket != null) found.push({ kind: "tcp", ...tcpSocket });
  if (exec != null) found.push({ kind: "exec", ...exec });
  if (grpc != null) found.push({ kind: "grpc", ...grpc });
  return found;
}
