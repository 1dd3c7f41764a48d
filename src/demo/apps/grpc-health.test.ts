import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Served } from "../serve.ts";
import { callGrpc, startGrpcEcho } from "./grpc-echo.ts";
import { HEALTH_CHECK } from "./grpc-health.ts";

/** As protobuf encodes `service`: field 1, its length, its bytes. */
const asking = (service: string): string =>
  service === "" ? "" : `\n${String.fromCharCode(service.length)}${service}`;

describe("health checks of the gRPC echo", () => {
  let served: Served;
  before(async () => {
    served = await startGrpcEcho({ env: {}, port: 0, log: () => undefined });
  });
  after(() => served.close());

  for (const [service, status] of [
    ["", "\b\u0001"],
    ["books", "\b\u0001"],
    ["down", "\b\u0002"],
  ] as const) {
    it(`answers ${JSON.stringify(status)} for "${service}"`, async () => {
      const reply = await callGrpc(`http://127.0.0.1:${served.port}`, HEALTH_CHECK, asking(service));
      assert.deepEqual([reply.status, reply.grpcStatus, reply.message], [200, "0", status]);
    });
  }
});
