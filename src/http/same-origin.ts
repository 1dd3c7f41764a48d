/**
 * Keeps other web sites away from an API on an address that a browser can reach (design 5).
 *
 * Three doors are shut: a page of another origin (Origin, Sec-Fetch-Site), a page whose own name was pointed at our
 * address (Host; DNS rebinding), and a page that asks for leave first (there are no CORS headers at all).
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { problem } from "./problem.ts";

/** What a browser says of requests by our own page, or typed in by its user. */
const OWN_SITES: readonly string[] = ["same-origin", "none"];
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/**
 * @param hosts - Names that the API answers to, without port, besides `localhost` and addresses: no page can have an
 * address of ours as its own name.
 */
export function sameOrigin(hosts: readonly string[]): MiddlewareHandler {
  const own = new Set(["localhost", ...hosts.map((host) => host.toLowerCase())]);
  return async (c, next) => {
    const host = c.req.header("host");
    const name = hostName(host);
    if (name === undefined) return problem(400, "the request has no Host that could be read");
    if (!own.has(name) && !isAddress(name)) {
      return problem(421, `this is not ${name}: use ${["localhost", "an address", ...hosts].join(", or ")}`);
    }
    const site = c.req.header("sec-fetch-site");
    const origin = c.req.header("origin");
    if ((site !== undefined && !OWN_SITES.includes(site)) || (origin !== undefined && !isOwnOrigin(origin, host))) {
      return problem(403, "requests by pages of another origin are refused");
    }
    await next();
    return undefined;
  };
}

/** Lower-case, without the port. @returns undefined for what is no host. */
function hostName(host: string | undefined): string | undefined {
  if (host === undefined || host === "" || /[/?#@\\\s]/.test(host)) return undefined;
  const url = URL.parse(`http://${host}`);
  return url === null ? undefined : url.hostname.replace(/\.$/, "");
}

/** `hostname` of a URL: an IPv6 address stands in brackets. */
function isAddress(hostname: string): boolean {
  return IPV4.test(hostname) || hostname.startsWith("[");
}

// The scheme may differ: something in front of us may end TLS.
function isOwnOrigin(origin: string, host: string | undefined): boolean {
  return URL.parse(origin)?.host === host?.toLowerCase();
}
