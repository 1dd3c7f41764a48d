/**
 * One POST of the API: what it takes, what it does, what it answers with.
 *
 * @module
 */
import type * as v from "valibot";
import type { EndpointText } from "./endpoint.ts";

export type ActionResult<T> =
  | { readonly ok: true; readonly answer: T }
  /** It cannot be done as things are: 409. */
  | { readonly ok: false; readonly reason: string };

export interface Action extends EndpointText {
  readonly body: v.GenericSchema;
  readonly schema: v.GenericSchema;
  /** @param body - As `body` gives it. */
  run(body: unknown): Promise<ActionResult<unknown>>;
}

/** Holds an action to its schemas, for the compiler. */
export function defineAction<const B extends v.GenericSchema, const S extends v.GenericSchema>(
  definition: EndpointText & {
    readonly body: B;
    readonly schema: S;
    run(body: v.InferOutput<B>): Promise<ActionResult<v.InferOutput<S>>>;
  },
): Action {
  const { run, body, ...rest } = definition;
  // Whoever serves the action has parsed the body by then.
  return { ...rest, body, run: (value) => run(value as v.InferOutput<B>) };
}

/** Who did what, when; for the audit log. */
export interface AuditRecord {
  readonly user: string;
  readonly action: string;
  readonly path: string;
  readonly body: unknown;
  readonly outcome: "done" | "refused" | "failed";
  readonly reason?: string;
}
