/**
 * Keeps the Secret with the ingress gateway's certificate that the MeshConfig asks for, and no other of its kind.
 *
 * @module
 */
import { type GatewayAuthority, type GatewayCertificate, renewGateway } from "../ca/gateway-certificate.ts";
import type { Millis } from "../core/base/millis.ts";
import { isRecord } from "../core/model/fields.ts";
import type { CertificateSettings } from "../core/model/mesh-config.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { ignoreMissing } from "../sources/kubernetes/kubernetes-error.ts";
import { secretTexts } from "./root-secret.ts";

type Client = Pick<KubernetesClient, "request">;

export interface GatewaySecretOptions {
  readonly client: Client;
  readonly authority: GatewayAuthority;
  readonly meshName: string;
  /** As the MeshConfig says now. */
  readonly wanted: () => CertificateSettings["ingressGateway"];
  /** Epoch milliseconds. */
  readonly now: () => Millis;
}

/** On our Secrets, with the mesh's name: only what carries it is ever deleted. */
export const GATEWAY_LABEL = "openservicemesh.io/ingress-gateway";
/** Which leaf is in it. */
const VERSION_ANNOTATION = "openservicemesh.io/certificate-version";
const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

/** @returns Whether a certificate was written. Rejects where the API server or the authority says no. */
export async function keepGatewaySecret(options: GatewaySecretOptions): Promise<boolean> {
  const { client, authority, meshName, wanted, now } = options;
  const asked = wanted();
  await removeOthers(client, meshName, asked?.secret);
  if (asked === undefined) return false;
  const { namespace, name } = asked.secret;
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  const known = await client.request({ path }).catch(ignoreMissing);
  const request = { dnsNames: asked.subjectAltNames, life: asked.validityMs };
  const renewed = await renewGateway(authority, request, heldIn(known), now());
  if (renewed === undefined) return false;
  const content = { metadata: metadataOf(renewed, meshName), data: dataOf(renewed) };
  if (known === undefined) await create(client, asked.secret, content);
  // The type of a Secret cannot change, so one that somebody made keeps its own.
  else await client.request({ method: "PATCH", path, body: content });
  return true;
}

interface Place {
  readonly namespace: string;
  readonly name: string;
}

async function create(
  client: Client,
  { namespace, name }: Place,
  { metadata, data }: { readonly metadata: object; readonly data: object },
): Promise<void> {
  const body = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { ...metadata, namespace, name },
    type: "kubernetes.io/tls",
    data,
  };
  await client.request({ method: "POST", path: `/api/v1/namespaces/${namespace}/secrets`, body });
}

function heldIn(secret: unknown) {
  if (!isRecord(secret)) return undefined;
  const texts = secretTexts(secret);
  const metadata = isRecord(secret["metadata"]) ? secret["metadata"] : {};
  const annotations = isRecord(metadata["annotations"]) ? metadata["annotations"] : {};
  // Without its key a certificate is of no use to anybody.
  const key = texts["tls.key"] ?? "";
  const version = key === "" ? "" : String(annotations[VERSION_ANNOTATION] ?? "");
  return { trusted: texts["ca.crt"] ?? "", chain: texts["tls.crt"] ?? "", version };
}

function metadataOf({ version }: GatewayCertificate, meshName: string) {
  return {
    labels: { "app.kubernetes.io/name": "openservicemesh.io", [GATEWAY_LABEL]: meshName },
    annotations: { [VERSION_ANNOTATION]: version },
  };
}

function dataOf({ trusted, chain, key }: GatewayCertificate) {
  return { "ca.crt": btoa(trusted), "tls.crt": btoa(chain), "tls.key": btoa(key.reveal()) };
}

/** The MeshConfig named another place before, or names none now. */
async function removeOthers(client: Client, meshName: string, kept: Place | undefined): Promise<void> {
  const query = { labelSelector: `${GATEWAY_LABEL}=${meshName}` };
  const list = await client.request({ path: "/api/v1/secrets", query, accept: METADATA_ONLY });
  const items: readonly unknown[] = isRecord(list) && Array.isArray(list["items"]) ? list["items"] : [];
  for (const item of items) {
    const { namespace, name } = isRecord(item) && isRecord(item["metadata"]) ? item["metadata"] : {};
    if (typeof namespace !== "string" || typeof name !== "string") continue;
    if (namespace === kept?.namespace && name === kept.name) continue;
    const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
    await client.request({ method: "DELETE", path }).catch(ignoreMissing);
  }
}
