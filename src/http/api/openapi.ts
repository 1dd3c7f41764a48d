/**
 * `/openapi.json`, from the same endpoints and schemas that answer.
 *
 * @module
 */
import { type ConversionConfig, toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { PROBLEM_TITLES, Problem, type ProblemStatus } from "../problem.ts";
import type { Action } from "./action.ts";
import type { Endpoint, EndpointText } from "./endpoint.ts";

const REFUSALS: readonly ProblemStatus[] = [400, 401, 403, 405, 406, 421, 500, 503];
const ABSENT: ProblemStatus = 404;
const BODY_REFUSALS: readonly ProblemStatus[] = [408, 409, 413, 415];
/** RFC 8555, 9.1. */
export const PEM_TYPE = "application/pem-certificate-chain";

export function openApiDocument({ endpoints, actions }: ApiParts, version: string): object {
  const named = [...endpoints, ...actions].map(({ schemaName, schema }) => [schemaName, jsonSchemaOf(schema)]);
  return {
    openapi: "3.1.0",
    info: {
      title: "Open Service Mesh",
      version,
      description: "Status and certificates of a mesh, and the change of its root. Errors are problem+json (RFC 9457).",
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    paths: Object.fromEntries([
      ...endpoints.map((endpoint) => [endpoint.path, { get: operationOf(endpoint) }]),
      ...actions.map((action) => [action.path, { post: postOf(action) }]),
    ]),
    components: {
      schemas: Object.fromEntries([...named, ["Problem", jsonSchemaOf(Problem)]]),
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
  };
}

export interface ApiParts {
  readonly endpoints: readonly Endpoint[];
  readonly actions: readonly Action[];
}

/** A POST: what it takes, and what more can be said to it. */
function postOf(action: Action): object {
  const schema = bodySchemaOf(action.body);
  const required = !v.is(action.body, {});
  const requestBody = { required, content: { "application/json": { schema } } };
  return { ...operationOf({ ...action, refusals: BODY_REFUSALS }), requestBody };
}

interface Described extends EndpointText {
  readonly pem?: unknown;
  readonly refusals?: readonly ProblemStatus[];
}

function operationOf(described: Described): object {
  const { id, summary, description, parameters = [], schemaName, pem, refusals: more = [] } = described;
  const refusals = [...REFUSALS, ...more, ...(parameters.length > 0 ? [ABSENT] : [])];
  const asPem = pem === undefined ? {} : { [PEM_TYPE]: { schema: { type: "string" } } };
  return {
    operationId: id,
    summary,
    description,
    parameters: parameters.map((one) => ({ ...one, in: "path", required: true, schema: { type: "string" } })),
    responses: {
      "200": { description: summary, content: { "application/json": { schema: refTo(schemaName) }, ...asPem } },
      ...Object.fromEntries(refusals.map((status) => [status, refusalOf(PROBLEM_TITLES[status])])),
    },
  };
}

function refusalOf(description: string): object {
  return { description, content: { "application/problem+json": { schema: refTo("Problem") } } };
}

function refTo(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

function jsonSchemaOf(schema: v.GenericSchema, config: ConversionConfig = {}): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, { ...config, target: "draft-2020-12", typeMode: "output" });
  return rest;
}

/** What the model checks by functions can be said in words alone. */
function bodySchemaOf(body: v.GenericSchema): object {
  return jsonSchemaOf(body, {
    ignoreActions: ["check", "partial_check", "raw_transform", "transform"],
    overrideSchema: ({ valibotSchema }) =>
      valibotSchema.type === "custom" && "message" in valibotSchema && typeof valibotSchema.message === "string"
        ? { description: valibotSchema.message }
        : undefined,
  });
}
