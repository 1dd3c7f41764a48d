/**
 * The status of an answer that a proxy gives in place of the application.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { type HttpStatus, HttpStatusSchema, StatusCode } from "../../../gen/envoy/type/v3/http_status_pb.ts";

const KNOWN: ReadonlyMap<number, StatusCode> = new Map(Object.values(StatusCode).map((code) => [code, code]));

/** Envoy refuses a whole table for a number that is no status to it (418 is none), so that gets 429, the default. */
export function refusal(status: number): HttpStatus {
  return create(HttpStatusSchema, { code: KNOWN.get(status) ?? StatusCode.TooManyRequests });
}
