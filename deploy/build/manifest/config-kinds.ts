/**
 * The kinds of `config.openservicemesh.io`: MeshRootCertificate and ExtensionService here, MeshConfig in its own file.
 *
 * @module
 */
import type { Resource } from "./crd.ts";
import { MESH_CONFIG } from "./mesh-config.ts";
import { choice, DURATION, FLAG, FREE_STATUS, filled, object, PORT, says, text } from "./schema.ts";

const GROUP = "config.openservicemesh.io";

const SECRET_REF = object({ name: text(), namespace: text() }, ["name", "namespace"]);

const PROVIDER = object(
  {
    certManager: says(
      "An issuer of cert-manager.",
      object({ issuerName: text(), issuerKind: choice(["ClusterIssuer", "Issuer"]), issuerGroup: text() }, [
        "issuerName",
        "issuerKind",
        "issuerGroup",
      ]),
    ),
    vault: says(
      "Hashicorp Vault's PKI engine.",
      object(
        {
          host: text(),
          port: PORT,
          role: text("Role of Vault that may issue certificates."),
          protocol: choice(["http", "https"]),
          token: object(
            { secretKeyRef: object({ name: text(), key: text(), namespace: text() }, ["name", "key", "namespace"]) },
            ["secretKeyRef"],
          ),
        },
        ["host", "port", "role", "protocol", "token"],
      ),
    ),
    tresor: says(
      "The control plane's own authority, with the root in a Secret.",
      object({ ca: object({ secretRef: SECRET_REF }, ["secretRef"]) }, ["ca"]),
    ),
  },
  [],
  { oneOf: [{ required: ["certManager"] }, { required: ["vault"] }, { required: ["tresor"] }] },
);

const ROOT_SPEC = object(
  {
    // OSM 1.2 had no role, and its one root signed. Its objects must stay valid and mean the same.
    role: filled(
      choice(
        ["passive", "active", "inactive"],
        "An active root signs, a passive one is trusted, an inactive one is neither.",
      ),
      "active",
    ),
    trustDomain: filled(text('Last part of all identities, such as "cluster.local".'), "cluster.local"),
    spiffeEnabled: filled(FLAG, false),
    provider: PROVIDER,
  },
  ["provider", "role"],
);

const EXTENSION_SPEC = object(
  { host: text(undefined, { minLength: 1 }), port: PORT, protocol: text(), connectTimeout: DURATION },
  ["host", "port"],
);

export const CONFIG_KINDS: readonly Resource[] = [
  MESH_CONFIG,
  {
    group: GROUP,
    kind: "MeshRootCertificate",
    plural: "meshrootcertificates",
    short: "mrc",
    versions: [
      {
        name: "v1alpha2",
        storage: true,
        status: true,
        columns: [{ name: "Role", type: "string", jsonPath: ".spec.role", description: "What the root is used for." }],
        schema: says(
          "A root of trust of the mesh, in the control plane's namespace.",
          object({ spec: ROOT_SPEC, status: FREE_STATUS }),
        ),
      },
    ],
  },
  {
    group: GROUP,
    kind: "ExtensionService",
    plural: "extensionservices",
    short: "extsvc",
    versions: [
      {
        name: "v1alpha2",
        storage: true,
        schema: says(
          "A server outside the mesh that proxies talk to on their own behalf.",
          object({ spec: EXTENSION_SPEC }),
        ),
      },
    ],
  },
];
