/**
 * What somebody with a proxy's bootstrap files can get from the control plane, run inside that proxy's pod:
 * `bun test/support/captured-leaf.ts FOLDER [NODE_ID]` prints a JSON `Captured`.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { SecretSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { TYPE_URLS } from "../../src/xds/resource.ts";
import { Connection, DeltaStream } from "./xds-client.ts";

export interface Captured {
  /** PEM. */
  readonly chain: string;
  readonly key: string;
  /** Names of all clusters that the control plane told. */
  readonly clusters: readonly string[];
}

async function capture(folder: string, nodeId: string): Promise<Captured> {
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  const connection = await Connection.open({
    host: "10.244.0.1",
    serverName: "ads.cluster.local",
    port: 15128,
    leaf: { certificate: read("sds_cert.pem"), key: read("sds_key.pem") },
    trustedRoot: read("cacert.pem"),
  });
  const stream = new DeltaStream(connection);
  stream.send("cluster", { node: { id: nodeId } });
  const clusters = (await stream.accept("cluster")).resources.map(({ name }) => name);
  stream.send("secret", { resourceNamesSubscribe: ["service-cert"] });
  const [resource] = (await stream.accept("secret")).resources;
  const { type } = fromBinary(SecretSchema, resource?.resource?.value ?? new Uint8Array());
  if (resource?.resource?.typeUrl !== TYPE_URLS.secret || type.case !== "tlsCertificate")
    throw new Error("no certificate came");
  const text = (source: typeof type.value.certificateChain): string =>
    source?.specifier.case === "inlineBytes" ? new TextDecoder().decode(source.specifier.value) : "";
  connection.close();
  return { chain: text(type.value.certificateChain), key: text(type.value.privateKey), clusters };
}

if (import.meta.main) {
  const [, , folder = "", nodeId = ""] = process.argv;
  process.stdout.write(`${JSON.stringify(await capture(folder, nodeId))}\n`, () => process.exit(0));
}
