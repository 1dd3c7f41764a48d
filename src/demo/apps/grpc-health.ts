/**
 * `grpc.health.v1.Health/Check` as the kubelet asks it, so that gRPC probes can be tried on a server without a schema.
 *
 * @module
 */
import type { ServerHttp2Stream } from "node:http2";

export const HEALTH_CHECK = "/grpc.health.v1.Health/Check";

const FRAME_HEADER = 5;
/** A message of these five and the two bytes of `status`. */
const ANSWER_HEADER = [0, 0, 0, 0, 2];
/** Field 1, a number. */
const STATUS_FIELD = 0x08;
const SERVING = 1;
const NOT_SERVING = 2;

/** A request's only field is the name of a service; one that is called `down` does not serve, all others do. */
export async function answerHealth(stream: ServerHttp2Stream): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  // Tag and length stand before the name; an empty name is not sent at all.
  const service = Buffer.concat(chunks)
    .subarray(FRAME_HEADER + 2)
    .toString("utf8");
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.from([...ANSWER_HEADER, STATUS_FIELD, service === "down" ? NOT_SERVING : SERVING]));
}
