/**
 * What a pod's proxy answers to a kubelet, kept on the pod: a copy of it (`kubectl debug --copy-to`) carries the
 * rewritten probes alone, and its own proxy must answer the same. OSM read the first pod's Secret for this.
 *
 * @module
 */
import * as v from "valibot";
import { GRPC_PROBE_PORTS, PROBE_KINDS, type ProbePlan } from "../ir/probe.ts";
import { fieldsOf, LabelName, listOf, Port, wholeFrom } from "../model/fields.ts";
import { ANNOTATIONS, MOST_PROBES } from "./names.ts";

const LONGEST = 86_400_000;

const Span = v.pipe(wholeFrom(1), v.maxValue(LONGEST));
const GrpcPort = v.pipe(Port, v.minValue(GRPC_PROBE_PORTS.first), v.maxValue(GRPC_PROBE_PORTS.last));

const Recorded = fieldsOf({
  http: v.pipe(
    listOf(
      fieldsOf({
        kind: v.picklist(PROBE_KINDS),
        container: LabelName,
        scheme: v.picklist(["HTTP", "HTTPS"]),
        path: v.pipe(v.string(), v.regex(/^\/[\x21-\x7e]*$/)),
        port: Port,
        timeout: Span,
      }),
    ),
    v.maxLength(MOST_PROBES),
    v.check((all) => differ(all.map(({ kind, container }) => `${kind}/${container}`))),
  ),
  tcp: v.pipe(
    listOf(fieldsOf({ port: Port, interval: Span, timeout: Span })),
    v.maxLength(MOST_PROBES),
    v.check((all) => differ(all.map(({ port }) => port))),
  ),
  grpc: v.pipe(
    listOf(fieldsOf({ listenPort: GrpcPort, port: Port, timeout: Span })),
    v.check((all) => differ(all.map(({ port }) => port)) && differ(all.map(({ listenPort }) => listenPort))),
  ),
});

/** The annotation to write; none where there is nothing to answer. */
export function recordProbes({ http, tcp, grpc }: ProbePlan): Readonly<Record<string, string>> {
  if (http.length + tcp.length + grpc.length === 0) return {};
  return { [ANNOTATIONS.probes]: JSON.stringify({ http, tcp, grpc }) };
}

/** @returns undefined if the annotation is there and does not hold what was written by `recordProbes`. */
export function readRecordedProbes(annotations: Readonly<Record<string, string>>): ProbePlan | undefined {
  const read = v.safeParse(Recorded, parseJson(annotations[ANNOTATIONS.probes] ?? "{}"));
  return read.success ? read.output : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function differ(keys: readonly (string | number)[]): boolean {
  return new Set(keys).size === keys.length;
}
