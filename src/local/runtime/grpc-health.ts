/**
 * One call of `grpc.health.v1.Health/Check`. Both messages have one field, so they are written and read by hand.
 *
 * @module
 */
import { connect } from "node:http2";
import type { ProbeResult } from "./ports.ts";

const PATH = "/grpc.health.v1.Health/Check";
const SERVING = 1;
/** One byte "compressed?", four bytes length. */
const PREFIX_BYTES = 5;

export interface HealthTarget {
  readonly host: string;
  readonly port: number;
  /** Empty: the server as a whole. At most 127 bytes, which every Kubernetes name is. */
  readonly service: string;
}

/** @throws Error if there is no connection or no gRPC answer. */
export function checkHealth({ host, port, service }: HealthTarget, aborted: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://${host}:${port}`);
    const finish = (act: () => void): void => {
      session.destroy();
      act();
    };
    aborted.addEventListener("abort", () => session.destroy(), { once: true });
    session.on("error", (error) => finish(() => reject(error)));
    const headers = { ":method": "POST", ":path": PATH, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request(headers);
    const received: Buffer[] = [];
    let grpcStatus: unknown;
    const readStatus = (from: Readonly<Record<string, unknown>>): void => {
      grpcStatus = from["grpc-status"] ?? grpcStatus;
    };
    stream.on("response", readStatus);
    stream.on("trailers", readStatus);
    stream.on("data", (chunk: Buffer) => received.push(chunk));
    stream.on("error", (error) => finish(() => reject(error)));
    stream.on("end", () => finish(() => resolve(toResult(Buffer.concat(received), grpcStatus))));
    stream.end(encodeRequest(service));
  });
}

/** A `HealthCheckRequest` in a gRPC frame. */
export function encodeRequest(service: string): Uint8Array {
  const name = Buffer.from(service);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Reads a `HealthCheckResponse` frame with the call's status. */
function toResult(frame: Uint8Array, grpcStatus: unknown): ProbeResult {
  if (String(grpcStatus ?? "0") !== "0") return { ok: false, detail: `gRPC status ${grpcStatus}` };
  // Field 1 as a varint: tag 0x08, value. An absent field is 0, UNKNOWN.
  const status = frame[PREFIX_BYTES] === 0x08 ? (frame[PREFIX_BYTES + 1] ?? 0) : 0;
  return { ok: status === SERVING, detail: status === SERVING ? "SERVING" : `health status ${status}` };
}
