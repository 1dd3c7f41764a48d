/**
 * Tells of every answer, for `osm_http_response_total` and its duration.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Millis } from "../core/base/millis.ts";

export interface Answered {
  /** Lower case, as OSM had it. */
  readonly method: string;
  /** The route's pattern, such as `/api/v1/proxies/:uuid`; `*` where no route matched: callers must not make labels. */
  readonly path: string;
  readonly code: number;
  readonly duration: Millis;
}

export function observeAnswers(tell: (answered: Answered) => void): MiddlewareHandler {
  return async (c, next) => {
    const startedAt = performance.now();
    await next();
    const { method, routeIndex } = c.req;
    const matched = routePath(c, -1);
    tell({
      method: method.toLowerCase(),
      path: c.res.status === 404 || routeIndex < 0 ? "*" : matched,
      code: c.res.status,
      duration: performance.now() - startedAt,
    });
  };
}
