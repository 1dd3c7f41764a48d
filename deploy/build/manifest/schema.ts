/**
 * Structural schemas of custom resources (apiextensions.k8s.io/v1), in short.
 *
 * @module
 */
export type Schema = Readonly<Record<string, unknown>>;
export type Fields = Readonly<Record<string, Schema>>;

export const PORT: Schema = whole(1, 65_535);
/** A span in Go's spelling. The control plane parses it: as in OSM, a bad one is told and not refused. */
export const DURATION: Schema = text("A span of time such as 1.5s or 24h.");
export const FLAG: Schema = { type: "boolean" };
/** Status is written by the control plane alone; OSM's was free in form, and what it wrote must stay readable. */
export const FREE_STATUS: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** OSM's own pattern for an IPv4 range: it looks for one anywhere at the end of the text. */
const RANGE = "((?:\\d{1,3}\\.){3}\\d{1,3})\\/(\\d{1,2})$";
export const RANGES: Schema = list({ type: "string", pattern: RANGE });

export function text(description?: string, more: Schema = {}): Schema {
  return { ...described(description), type: "string", ...more };
}

export function flag(description: string): Schema {
  return { description, type: "boolean" };
}

export function whole(minimum?: number, maximum?: number): Schema {
  return {
    type: "integer",
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
  };
}

export function choice(values: readonly string[], description?: string): Schema {
  return text(description, { enum: values });
}

export function list(items: Schema, more: Schema = {}): Schema {
  return { type: "array", items, ...more };
}

export function textMap(description?: string): Schema {
  return { ...described(description), type: "object", additionalProperties: { type: "string" } };
}

/** An object with these fields; others are pruned by the API server. `required` must be among them. */
export function object(properties: Fields, required: readonly string[] = [], more: Schema = {}): Schema {
  const missing = required.filter((name) => properties[name] === undefined);
  if (missing.length > 0) throw new Error(`required, but no fields: ${missing.join(", ")}`);
  return {
    type: "object",
    ...(required.length === 0 ? {} : { required }),
    // The API server drops an empty list of fields, and would be told of it anew by each apply.
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...more,
  };
}

/** The same schema with a description of its own, as `kubectl explain` shows it. */
export function says(description: string, schema: Schema): Schema {
  return { description, ...schema };
}

/** The same schema with a value that the API server fills in. */
export function filled(schema: Schema, value: string | number | boolean): Schema {
  return { ...schema, default: value };
}

function described(description: string | undefined): Schema {
  return description === undefined ? {} : { description };
}
