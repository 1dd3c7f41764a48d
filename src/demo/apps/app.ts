/**
 * What every demo application is given and gives back.
 *
 * @module
 */
import { Hono } from "hono";
import type { Served } from "../serve.ts";
import type { Env } from "../settings.ts";

export interface AppInput {
  readonly env: Env;
  /** 0 takes any free port. */
  readonly port: number;
  readonly log: (line: string) => void;
}

/** Resolves once the application answers. `close` ends all that it started. */
export type StartApp = (input: AppInput) => Promise<Served>;

/** The routes that probes and browsers ask of every application. */
export function probeRoutes(): Hono {
  return new Hono()
    .get("/liveness", (c) => c.text("ok"))
    .get("/readiness", (c) => c.text("ok"))
    .get("/startup", (c) => c.text("ok"))
    .get("/favicon.ico", (c) => c.body(null, 204));
}
