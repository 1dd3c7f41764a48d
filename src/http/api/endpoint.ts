/**
 * One GET of the API: its path, what it answers with, and how. Routes and `/openapi.json` come from the same value.
 *
 * @module
 */
import type * as v from "valibot";

export interface Parameter {
  readonly name: string;
  readonly description: string;
}

export interface EndpointText {
  /** OpenAPI's spelling: `/api/v1/proxies/{uuid}`. */
  readonly path: `/${string}`;
  /** Of the operation, in lower camel case. */
  readonly id: string;
  /** A line. */
  readonly summary: string;
  readonly description: string;
  /** In the path. */
  readonly parameters?: readonly Parameter[];
  /** What the schema is called in the document. */
  readonly schemaName: string;
}

/** What stands in the path in place of its parameters, by their names. */
export type PathParameters = Readonly<Record<string, string>>;

interface EndpointParts extends EndpointText {
  /** The same as PEM, for who asks for that. @returns undefined where there is no such thing. */
  readonly pem?: (parameters: PathParameters) => Promise<string | undefined>;
  /** What to say where there is no such thing: why that may be, and the way out. */
  readonly absent?: (parameters: PathParameters) => string;
}

export interface Endpoint extends EndpointParts {
  readonly schema: v.GenericSchema;
  /** @returns undefined where there is no such thing. */
  read(parameters: PathParameters): unknown;
}

/** Holds an endpoint's answer to its schema, for the compiler. At run time tests do. */
export function defineEndpoint<const S extends v.GenericSchema>(
  definition: EndpointParts & {
    readonly schema: S;
    read(parameters: PathParameters): v.InferOutput<S> | undefined | Promise<v.InferOutput<S> | undefined>;
  },
): Endpoint {
  return definition;
}
