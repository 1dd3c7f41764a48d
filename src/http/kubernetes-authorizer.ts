/**
 * Tokens of a cluster: the API server says whose a token is (TokenReview) and what its owner may do (SubjectAccessReview).
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../core/base/millis.ts";
import type { Access, Authorizer, Decision } from "./authorization.ts";

export interface KubernetesAuthorizerOptions {
  /** POSTs JSON to the API server and resolves with the answer's JSON. Rejects if the server says no or does not answer. */
  readonly post: (path: string, body: unknown) => Promise<unknown>;
  /** Epoch milliseconds. */
  readonly now?: () => Millis;
  /** Of one decision. */
  readonly timeout?: Millis;
}

/** How long a withdrawn right may still be used. Refusals are never kept: a right that was given counts at once. */
export const ALLOWED_FOR: Millis = 10_000;
/**
 * What stands before our paths when rights are asked for. Every authenticated account may get `/api/*` (ClusterRole
 * `system:discovery`, meant for the API server's own paths), which would be all of ours.
 */
export const RBAC_PREFIX = "/openservicemesh.io";

const TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews";
const ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
const TIMEOUT: Millis = 10_000;
const MAX_KEPT = 1000;
/** Decisions under way at a time, so that a flood of wrong tokens does not become one on the API server. */
const MAX_UNDER_WAY = 32;

const User = v.object({
  username: v.pipe(v.string(), v.minLength(1)),
  uid: v.optional(v.string()),
  groups: v.optional(v.array(v.string())),
  extra: v.optional(v.record(v.string(), v.array(v.string()))),
});
type User = v.InferOutput<typeof User>;
const TokenReview = v.object({
  status: v.object({ authenticated: v.optional(v.boolean(), false), user: v.optional(v.unknown()) }),
});
const AccessReview = v.object({
  status: v.object({ allowed: v.boolean(), denied: v.optional(v.boolean(), false) }),
});

/** Rights are those of `nonResourceURLs` under `/openservicemesh.io`, such as `/openservicemesh.io/api/v1/*`. */
export function kubernetesAuthorizer(options: KubernetesAuthorizerOptions): Authorizer {
  const { post, now = Date.now, timeout = TIMEOUT } = options;
  const kept = new Map<string, { readonly decision: Decision; readonly until: Millis }>();
  const underWay = new Map<string, Promise<Decision>>();

  async function decide(key: string, token: string, access: Access): Promise<Decision> {
    try {
      const decision = await inTime(review(post, token, access), timeout);
      if (decision.kind === "allowed") keep(key, decision);
      return decision;
    } catch {
      // The reason may quote our own credentials' troubles: it is for the log of whoever posts.
      return { kind: "unavailable", reason: "the API server did not answer" };
    } finally {
      underWay.delete(key);
    }
  }

  function keep(key: string, decision: Decision): void {
    const oldest = kept.keys().next().value;
    if (kept.size >= MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    kept.delete(key); // so that the order is that of age
    kept.set(key, { decision, until: now() + ALLOWED_FOR });
  }

  function recall(key: string): Decision | undefined {
    const hit = kept.get(key);
    // A clock that was set back must not lengthen a right.
    if (hit !== undefined && now() < hit.until && hit.until <= now() + ALLOWED_FOR) return hit.decision;
    kept.delete(key);
    return undefined;
  }

  return {
    async authorize(token, access) {
      const key = await keyOf(token, access);
      const known = recall(key) ?? underWay.get(key);
      if (known !== undefined) return known;
      if (underWay.size >= MAX_UNDER_WAY) return { kind: "unavailable", reason: "too many tokens are being checked" };
      const decision = decide(key, token, access);
      underWay.set(key, decision);
      return decision;
    },
  };
}

async function review(post: KubernetesAuthorizerOptions["post"], token: string, access: Access): Promise<Decision> {
  const user = await userOf(post, token);
  if (user === undefined) return { kind: "unauthenticated" };
  const { username, ...rest } = user;
  const path = `${RBAC_PREFIX}${access.path}`;
  const { status } = v.parse(
    AccessReview,
    await post(ACCESS_REVIEWS, {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user: username, ...rest, nonResourceAttributes: { verb: access.verb, path } },
    }),
  );
  if (status.allowed && !status.denied) return { kind: "allowed", user: username };
  return { kind: "forbidden", user: username, way: `a ClusterRole must grant it on nonResourceURLs ${path}` };
}

async function userOf(post: KubernetesAuthorizerOptions["post"], token: string): Promise<User | undefined> {
  const answer = await post(TOKEN_REVIEWS, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token },
  });
  const { status } = v.parse(TokenReview, answer);
  return status.authenticated ? v.parse(User, status.user) : undefined;
}

// The token itself is not kept.
async function keyOf(token: string, { verb, path }: Access): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return `${new Uint8Array(hash).join(".")} ${verb} ${path}`;
}

async function inTime<T>(work: Promise<T>, limit: Millis): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${limit} ms`)), limit);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
