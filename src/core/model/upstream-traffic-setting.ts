/**
 * UpstreamTrafficSetting: limits of connections and requests to one host. How it is written and defaulted is in
 * `upstream-traffic-setting-schema.ts`.
 *
 * @module
 */
import type * as v from "valibot";
import type { Millis } from "../base/millis.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import type { ConnectionDescriptor, RequestDescriptor } from "../base/rate-limit-descriptor.ts";
import { fieldsOf } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";
import { type ObjectStatus, Status } from "./status.ts";
import { partAtFault, UpstreamTrafficSettingSpec } from "./upstream-traffic-setting-schema.ts";

/** Obeyed by the callers' proxies. A count of 0 is none at all; left out, it is 4294967295: as good as no limit. */
export interface ConnectionSettings {
  readonly tcp: {
    readonly maxConnections: number;
    /** At least 1; 5000 if left out, as in Envoy. */
    readonly connectTimeout: Millis;
    /** How long a connection may be silent. 0: for ever; an hour if left out, as in Envoy. */
    readonly idleTimeout: Millis;
  };
  readonly http: {
    readonly maxRequests: number;
    /** 0: no limit. So if left out. */
    readonly maxRequestsPerConnection: number;
    readonly maxPendingRequests: number;
    readonly maxRetries: number;
    /** How long a connection may be without a request. 0: for ever; an hour if left out, as in Envoy. */
    readonly idleTimeout: Millis;
  };
}

/** A bucket of `connections + burst` tokens, to which `connections` are added in each interval. */
export interface LocalTcpLimit {
  /** At least 1. */
  readonly connections: number;
  /** A second, a minute or an hour. */
  readonly interval: Millis;
  readonly burst: number;
}

export interface LocalHttpLimit {
  /** At least 1. */
  readonly requests: number;
  readonly interval: Millis;
  readonly burst: number;
  /** 429 if left out; one that Envoy knows. */
  readonly responseStatusCode: number;
  /** Names in lower case. */
  readonly responseHeadersToAdd: readonly { readonly name: string; readonly value: string }[];
}

interface GlobalLimit {
  readonly rateLimitService: { readonly host: string; readonly port: number };
  /** Not empty. */
  readonly domain: string;
  /** At least 1; 20 if left out. */
  readonly timeout: Millis;
  /** Whether to let pass while the service does not answer. True if left out. */
  readonly failOpen: boolean;
}

export interface GlobalTcpLimit extends GlobalLimit {
  readonly descriptors: NonEmpty<ConnectionDescriptor>;
}

export interface GlobalHttpLimit extends GlobalLimit {
  /** May be empty: then routes alone have descriptors. */
  readonly descriptors: readonly RequestDescriptor[];
  readonly enableXRateLimitHeaders: boolean;
  /** 429 if left out. */
  readonly responseStatusCode: number;
}

export interface UpstreamRoute {
  /** Compared as a text with the path pattern of the route. Not empty. */
  readonly path: string;
  readonly rateLimit: {
    readonly local?: LocalHttpLimit;
    /** Has an effect beside `rateLimit.global.http` of the object alone: that names the service. */
    readonly global: readonly RequestDescriptor[];
  };
}

export interface UpstreamTrafficSetting {
  readonly kind: "UpstreamTrafficSetting";
  readonly meta: Meta;
  /** As written, in lower case: `svc`, `svc.ns`, the full name; or any host, if an Egress names the object. */
  readonly host: string;
  readonly connectionSettings: ConnectionSettings;
  /** Obeyed by the Service's own proxies. */
  readonly rateLimit: {
    readonly local: { readonly tcp?: LocalTcpLimit; readonly http?: LocalHttpLimit };
    readonly global: { readonly tcp?: GlobalTcpLimit; readonly http?: GlobalHttpLimit };
  };
  /** As written. */
  readonly httpRoutes: readonly UpstreamRoute[];
  readonly status: ObjectStatus;
}

export const UpstreamTrafficSetting: Kind<UpstreamTrafficSetting> = defineKind({
  kind: "UpstreamTrafficSetting",
  group: "policy.openservicemesh.io",
  plural: "upstreamtrafficsettings",
  versions: ["v1alpha1"],
  fields: "ours",
  onBadValue: partAtFault,
  schema: fieldsOf({ metadata: Metadata, spec: UpstreamTrafficSettingSpec, status: Status }),
  build: ({ spec, status }, meta): UpstreamTrafficSetting => ({
    kind: "UpstreamTrafficSetting",
    meta,
    host: spec.host,
    connectionSettings: spec.connectionSettings,
    rateLimit: toRateLimit(spec.rateLimit),
    httpRoutes: spec.httpRoutes.map(toRoute),
    status,
  }),
});

type Written = v.InferOutput<typeof UpstreamTrafficSettingSpec>;
type WrittenLocal = NonNullable<Written["rateLimit"]["local"]["http"]>;

function toRateLimit({ local, global }: Written["rateLimit"]): UpstreamTrafficSetting["rateLimit"] {
  return {
    local: {
      ...(local.tcp == null ? {} : { tcp: toTcp(local.tcp) }),
      ...(local.http == null ? {} : { http: toHttp(local.http) }),
    },
    global: {
      ...(global.tcp == null ? {} : { tcp: global.tcp }),
      ...(global.http == null ? {} : { http: global.http }),
    },
  };
}

function toRoute({ path, rateLimit: { local, global } }: Written["httpRoutes"][number]): UpstreamRoute {
  return { path, rateLimit: { ...(local == null ? {} : { local: toHttp(local) }), global: global.descriptors } };
}

function toTcp({ unit, ...rest }: NonNullable<Written["rateLimit"]["local"]["tcp"]>): LocalTcpLimit {
  return { ...rest, interval: unit };
}

function toHttp({ unit, ...rest }: WrittenLocal): LocalHttpLimit {
  return { ...rest, interval: unit };
}
