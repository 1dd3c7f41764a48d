import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MeshRootCertificate } from "../core/model/mesh-root-certificate.ts";
import { planOf } from "../rotation/plan.ts";
import { type RootRef, type RotationRecord, steadyOn } from "../rotation/record.ts";
import type { OpenRoots } from "../rotation/roots.ts";
import type { ApiRequest } from "../sources/kubernetes/client.ts";
import { meshRoots } from "./mesh-roots.ts";

const NAMESPACE = "osm-system";
const FIRST: RootRef = {
  name: "osm-ca-bundle",
  source: { kind: "builtin", store: "osm-ca-bundle" },
  trustDomain: "cluster.local",
  certificates: ["the first"],
};

function certificate(name: string, secretNamespace: string): MeshRootCertificate {
  const secretRef = { name: "mine", namespace: secretNamespace };
  const spec = { role: "active", trustDomain: "cluster.local", provider: { tresor: { ca: { secretRef } } } };
  const parsed = MeshRootCertificate.parse({ metadata: { namespace: NAMESPACE, name }, spec });
  assert.ok(parsed.ok);
  return parsed.value;
}

/** @returns the record after a look, and what was written of the root. */
async function looked(one: MeshRootCertificate) {
  let record: RotationRecord = steadyOn(FIRST, 0);
  const written: ApiRequest[] = [];
  const chore = meshRoots({
    client: { request: async (request) => void written.push(request) },
    namespace: NAMESPACE,
    rotator: {
      // The chore reads nothing else.
      roots: () => ({ record, plan: planOf(record) }) as OpenRoots,
      change: async (step) => (record = step(record)),
      complete: async (ref) => ({ ...ref, certificates: ["another"] }),
    },
    certificates: () => [one],
    now: () => 1,
  });
  await chore.run();
  return { record, status: JSON.stringify(written[0]?.body) };
}

describe("MeshRootCertificates", () => {
  it("are followed, and told so", async () => {
    const { record, status } = await looked(certificate("mine", NAMESPACE));
    assert.equal(record.phase, "trusting");
    assert.match(status, /"type":"Accepted","status":"True"/);
  });

  it("are not followed to a Secret of another namespace, nor to its namesake in the mesh's own", async () => {
    const { record, status } = await looked(certificate("mine", "shop"));
    assert.equal(record.phase, "steady");
    assert.match(
      status,
      /"CannotBeFollowed".*Secret shop\/mine is not in the mesh's namespace: put it into osm-system/,
    );
  });
});
