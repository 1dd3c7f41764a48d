/**
 * Telemetry: what proxies write about requests, and where to.
 *
 * @module
 */
import * as v from "valibot";
import type { NamespacedName } from "../base/ref.ts";
import { type AccessLogFormat, LogFormat } from "./access-log-format.ts";
import { fieldsOf, mapOf, NameText, TextMap } from "./fields.ts";
import { LogText } from "./format-command.ts";
import type { Path } from "./issues.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";
import { type ObjectStatus, Status } from "./status.ts";

export interface AccessLog {
  /** undefined: OSM's default format. */
  readonly format?: AccessLogFormat;
  readonly openTelemetry?: {
    readonly extensionService: NamespacedName;
    readonly attributes: Readonly<Record<string, string>>;
  };
}

export interface Telemetry {
  readonly kind: "Telemetry";
  readonly meta: Meta;
  /** Labels of pods. Empty: all pods of the namespace, or of the mesh if it is in the mesh's own. */
  readonly selector: Readonly<Record<string, string>>;
  /** undefined: logs are as they are without this object. */
  readonly accessLog?: AccessLog;
  readonly status: ObjectStatus;
}

const OpenTelemetry = fieldsOf({
  extensionService: fieldsOf({ namespace: NameText, name: NameText }),
  attributes: v.nullish(mapOf(LogText), {}),
});

const Spec = fieldsOf({
  selector: TextMap,
  accessLog: v.nullish(fieldsOf({ format: v.nullish(LogFormat), openTelemetry: v.nullish(OpenTelemetry) })),
});

export const Telemetry: Kind<Telemetry> = defineKind({
  kind: "Telemetry",
  group: "policy.openservicemesh.io",
  plural: "telemetries",
  versions: ["v1alpha1"],
  fields: "ours",
  onBadValue: partAtFault,
  schema: fieldsOf({ metadata: Metadata, spec: v.nullish(Spec, {}), status: Status }),
  build: ({ spec: { selector, accessLog }, status }, meta): Telemetry => ({
    kind: "Telemetry",
    meta,
    selector,
    ...(accessLog == null ? {} : { accessLog: toAccessLog(accessLog) }),
    status,
  }),
});

/** With one label less it would be for more pods. */
function partAtFault(fault: Path): Path | undefined {
  return fault[1] === "selector" ? undefined : fault;
}

function toAccessLog({ format, openTelemetry }: NonNullable<v.InferOutput<typeof Spec>["accessLog"]>): AccessLog {
  return { ...(format == null ? {} : { format }), ...(openTelemetry == null ? {} : { openTelemetry }) };
}
