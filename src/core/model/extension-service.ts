/**
 * ExtensionService: a server outside the mesh that proxies talk to on their own behalf.
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../base/millis.ts";
import { AnyText, durationThat, fieldsOf, filled, Port } from "./fields.ts";
import { HostName } from "./host-name.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";

export interface ExtensionService {
  readonly kind: "ExtensionService";
  readonly meta: Meta;
  /** A DNS name or an address, in lower case. */
  readonly host: string;
  readonly port: number;
  /** `http2` if left out: what proxies talk is gRPC. Never TLS. */
  readonly protocol: "http1" | "http2";
  /** At least 1; 5000 if left out, as in Envoy. */
  readonly connectTimeout: Millis;
}

/** OSM's spellings, and those that it took for "whatever the downstream speaks". */
const PROTOCOLS = { h2c: "http2", http2: "http2", grpc: "http2", http1: "http1", http: "http1" } as const;

const Protocol = v.pipe(
  AnyText,
  v.transform((text) => text.toLowerCase()),
  v.picklist(["h2c", "http2", "grpc", "http1", "http"], "one of h2c, http2, grpc, http1, http"),
  v.transform((text) => PROTOCOLS[text]),
);

const Spec = fieldsOf({
  host: HostName,
  port: Port,
  protocol: filled(Protocol, "h2c"),
  connectTimeout: filled(
    durationThat((span) => span >= 1, "a duration of 1ms or more"),
    "5s",
  ),
});

export const ExtensionService: Kind<ExtensionService> = defineKind({
  kind: "ExtensionService",
  group: "config.openservicemesh.io",
  plural: "extensionservices",
  versions: ["v1alpha2"],
  fields: "ours",
  onBadValue: "default",
  schema: fieldsOf({ metadata: Metadata, spec: Spec }),
  build: ({ spec }, meta): ExtensionService => ({ kind: "ExtensionService", meta, ...spec }),
});
