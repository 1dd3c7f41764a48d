/**
 * `GET /api/v1/findings`: what operators wrote wrong, in the words of webhook and CLI.
 *
 * @module
 */
import * as v from "valibot";
import { compareFindings, FINDINGS, type Finding, severityOf } from "../../core/base/finding.ts";
import { defineEndpoint, type Endpoint } from "./endpoint.ts";
import { listOf } from "./fields.ts";
import type { MeshView } from "./mesh-view.ts";

export const ObjectRefAnswer = v.object({
  kind: v.string(),
  namespace: v.pipe(v.string(), v.description("Empty for kinds without a namespace")),
  name: v.string(),
});

const SeverityAnswer = v.picklist(["error", "warning"]);

const FindingAnswer = v.object({
  code: v.pipe(v.string(), v.description("Stable; `help` explains it")),
  severity: SeverityAnswer,
  about: ObjectRefAnswer,
  path: v.pipe(v.string(), v.description("Where in the object; empty for the whole of it")),
  message: v.string(),
  help: v.pipe(v.string(), v.description("What the code means, and what is in force meanwhile")),
});

export function findingsEndpoint(mesh: Pick<MeshView, "findings">): Endpoint {
  return defineEndpoint({
    path: "/api/v1/findings",
    id: "listFindings",
    summary: "What is wrong with the mesh's objects",
    description: "Sorted by object, then by place in it.",
    schemaName: "FindingList",
    schema: listOf(FindingAnswer),
    read: () => ({ items: [...mesh.findings()].sort(compareFindings).map(toAnswer) }),
  });
}

function toAnswer(one: Finding): v.InferOutput<typeof FindingAnswer> {
  const { code, about, path, message } = one;
  const { kind, namespace, name } = about;
  return {
    code,
    severity: severityOf(one),
    about: { kind, namespace, name },
    path,
    message,
    help: FINDINGS[code].help,
  };
}
