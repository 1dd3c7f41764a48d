/**
 * The webhook for MeshRootCertificates, as it stands before a real API server.
 *
 * @module
 */
import { MeshRootCertificate } from "../../src/core/model/mesh-root-certificate.ts";
import { rootFaults } from "../../src/core/model/root-change.ts";
import type { ApiRequest } from "../../src/sources/kubernetes/client.ts";
import { KubernetesError } from "../../src/sources/kubernetes/kubernetes-error.ts";
import { type FakeObject, patched } from "./fake-api-answers.ts";

/**
 * @param found - What is to be changed; undefined: it is made.
 * @param known - All that the webhook knows of.
 * @throws KubernetesError as the API server answers if it says no.
 */
export function reviewRoot(
  { method = "GET", path, body, contentType = "application/merge-patch+json" }: ApiRequest,
  found: FakeObject | undefined,
  known: readonly MeshRootCertificate[],
): void {
  if (method === "DELETE" || path.endsWith("/status")) return;
  const changed = method === "POST" ? body : found && patchedIfItFits(found, body, contentType);
  if (changed === undefined) return; // the API server itself answers: 404, 422
  const after = MeshRootCertificate.parse(changed);
  const before = found && MeshRootCertificate.parse(found);
  if (!after.ok || before?.ok === false) throw new Error(`not a MeshRootCertificate: ${JSON.stringify(body)}`);
  const others = known.filter(({ meta }) => meta.name !== after.value.meta.name);
  const [fault] = rootFaults({ before: before?.value, after: after.value, others });
  if (fault === undefined) return;
  const detail = `admission webhook "osm-control-plane-validator.k8s.io" denied the request: ${fault.message}`;
  throw new KubernetesError({ method, path, status: 403, reason: "Forbidden", detail });
}

function patchedIfItFits(found: FakeObject, patch: unknown, contentType: string): FakeObject | undefined {
  try {
    return patched(found, patch, contentType);
  } catch {
    return undefined;
  }
}
