/**
 * What a replica serves to a proxy, as that proxy would get it: a stream of its own, opened with the proxy's credentials.
 *
 * @module
 */
import { MESH_NAMESPACE } from "../../deploy/build/names.ts";
import { SERVICE_CERTIFICATE } from "../../src/core/envoy/names.ts";
import type { ResourceKind } from "../../src/xds/resource.ts";
import type { Namespaced } from "../support/workloads.ts";
import { Connection, DeltaStream } from "../support/xds-client.ts";
import { forward } from "./forward.ts";
import { kubectl } from "./kubectl.ts";

const XDS_PORT = 15128;
/** As an Envoy asks: listeners only once it has what they lead to. */
const ORDER: readonly ResourceKind[] = ["cluster", "endpoints", "listener", "route", "secret"];

/** The files of the Secret that the pod's proxy started from, by name. */
export async function credentialsOf({ namespace, name }: Namespaced): Promise<ReadonlyMap<string, string>> {
  const label = "jsonpath={.metadata.labels.osm-proxy-uuid}";
  const uuid = await kubectl(["-n", namespace, "get", "pod", name, "-o", label]);
  const secret = await kubectl(["-n", namespace, "get", "secret", `envoy-bootstrap-config-${uuid}`, "-o", "json"]);
  const { data } = JSON.parse(secret) as { readonly data: Readonly<Record<string, string>> };
  return new Map(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, "base64").toString("utf8")]));
}

/** Bytes in base64 by type and name. Without the service's certificate, which is each replica's own. */
export async function servedBy(
  replica: string,
  files: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> {
  const way = await forward(MESH_NAMESPACE, `pod/${replica}`, XDS_PORT);
  try {
    const connection = await Connection.open({
      port: way.port,
      serverName: "ads.cluster.local",
      trustedRoot: files.get("cacert.pem") ?? "",
      leaf: { certificate: files.get("sds_cert.pem") ?? "", key: files.get("sds_key.pem") ?? "" },
    });
    try {
      return await everything(new DeltaStream(connection));
    } finally {
      connection.close();
    }
  } finally {
    way.close();
  }
}

async function everything(stream: DeltaStream): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const kind of ORDER) {
    stream.send(kind, { resourceNamesSubscribe: ["*"] });
    for (const { name, version, resource } of (await stream.accept(kind)).resources) {
      if (name === SERVICE_CERTIFICATE) continue;
      found.set(`${kind} ${name}`, `${version} ${Buffer.from(resource?.value ?? []).toString("base64")}`);
    }
  }
  return found;
}
