import { describe } from "node:test";
import { parse } from "yaml";
import { itJudges, type ValidationCase } from "../../../test/support/validation-cases.ts";

const ROOT = `
apiVersion: config.openservicemesh.io/v1alpha2
kind: MeshRootCertificate
metadata: { name: r, namespace: osm-system }
spec:
  { role: passive, trustDomain: a.b, provider: { tresor: { ca: { secretRef: { name: ca, namespace: osm-system } } } } }
`;

const CASES: readonly ValidationCase[] = [
  {
    what: "a MeshConfig that is in force, with one bad value",
    object: `
apiVersion: config.openservicemesh.io/v1alpha2
kind: MeshConfig
metadata: { name: osm-mesh-config, namespace: osm-system }
spec: { sidecar: { logLevel: loud } }
`,
    request: { namespace: "osm-system" },
    warnings: [/^error field-invalid MeshConfig osm-system\/osm-mesh-config spec\.sidecar\.logLevel/],
  },
  {
    what: "a MeshConfig that nobody reads",
    object: `
apiVersion: config.openservicemesh.io/v1alpha2
kind: MeshConfig
metadata: { name: mine, namespace: shop }
spec: {}
`,
    warnings: [/mesh-config-name MeshConfig shop\/mine metadata: shop\/mine has no effect/],
  },
  { what: "a root of trust", object: ROOT, request: { namespace: "osm-system" } },
  {
    what: "a root of trust of an empty domain",
    object: ROOT.replace("trustDomain: a.b", 'trustDomain: ""'),
    request: { namespace: "osm-system" },
    refused: /MeshRootCertificate osm-system\/r spec\.trustDomain/,
  },
  {
    what: "a root of trust in an unnamed Secret",
    object: ROOT.replace("name: ca,", 'name: "",'),
    request: { namespace: "osm-system" },
    refused: /spec\.provider\.tresor\.ca\.secretRef\.name: must be a name, not empty/,
  },
  {
    what: "a second root that is passive too",
    object: ROOT,
    request: { namespace: "osm-system" },
    roots: [parse(ROOT.replace("name: r,", "name: first,"))],
    refused:
      /^error object-invalid MeshRootCertificate osm-system\/r spec\.role: must be another than passive, which first is$/,
  },
  {
    what: "a root of another namespace, which no mesh reads",
    object: ROOT.replace("r, namespace: osm-system", "r, namespace: shop"),
    roots: [parse(ROOT.replace("name: r,", "name: first,"))],
  },
  {
    what: "the same root again, with another label",
    object: ROOT.replace("name: r,", "name: r, labels: { a: b },"),
    request: { namespace: "osm-system", operation: "UPDATE", oldObject: parse(ROOT) },
    roots: [parse(ROOT)],
  },
  {
    what: "a root whose trust domain changes",
    object: ROOT.replace("trustDomain: a.b", "trustDomain: a.c"),
    request: { namespace: "osm-system", operation: "UPDATE", oldObject: parse(ROOT) },
    roots: [parse(ROOT)],
    refused: /spec\.trustDomain: may not change, since certificates of it are in use/,
  },
];

describe("the validating webhook, of the mesh itself", () => itJudges(CASES));
