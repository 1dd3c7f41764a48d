/**
 * `/openapi.json`, from the same endpoints and schemas that answer.
 *
 * @module
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { PROBLEM_TITLES, Problem, type ProblemStatus } from "../problem.ts";
import type { Endpoint } from "./endpoint.ts";

const REFUSALS: readonly ProblemStatus[] = [400, 401, 403, 405, 406, 421, 500, 503];
const ABSENT: ProblemStatus = 404;

export function openApiDocument(endpoints: readonly Endpoint[], version: string): object {
  const named = endpoints.map(({ schemaName, schema }) => [schemaName, jsonSchemaOf(schema)]);
  return {
    openapi: "3.1.0",
    info: {
      title: "Open Service Mesh",
      version,
      description: "Status and certificates of a mesh. Read-only; errors are problem+json (RFC 9457).",
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    paths: Object.fromEntries(endpoints.map((endpoint) => [endpoint.path, { get: operationOf(endpoint) }])),
    components: {
      schemas: Object.fromEntries([...named, ["Problem", jsonSchemaOf(Problem)]]),
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
  };
}

function operationOf({ id, summary, description, parameters = [], schemaName }: Endpoint): object {
  const refusals = parameters.length > 0 ? [...REFUSALS, ABSENT] : REFUSALS;
  return {
    operationId: id,
    summary,
    description,
    parameters: parameters.map((one) => ({ ...one, in: "path", required: true, schema: { type: "string" } })),
    responses: {
      "200": { description: summary, content: { "application/json": { schema: refTo(schemaName) } } },
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

function jsonSchemaOf(schema: v.GenericSchema): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, { target: "draft-2020-12", typeMode: "output" });
  return rest;
}
