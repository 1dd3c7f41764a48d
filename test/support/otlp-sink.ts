/**
 * A collector of OpenTelemetry's logs: `bun test/support/otlp-sink.ts PORT`.
 *
 * Takes OTLP over gRPC on the port and over HTTP/1.1 (`POST /v1/logs`) on the next one. All records are told at
 * `GET /records` there.
 *
 * @module
 */
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:http2";
import { createFileRegistry, fromBinary, fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

export interface OtlpRecord {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Of the proxy that tells it, and `log_name`. */
  readonly resource: Readonly<Record<string, string>>;
}

/** Some fields of OpenTelemetry's protos; others are skipped when they are read. */
const FILE: JsonObject = {
  name: "otlp.proto",
  package: "opentelemetry.proto.collector.logs.v1",
  syntax: "proto3",
  messageType: [
    message("Value", [field("stringValue", 1, "TYPE_STRING")]),
    message("KeyValue", [field("key", 1, "TYPE_STRING"), field("value", 2, "Value")]),
    message("Resource", [list("attributes", 1, "KeyValue")]),
    message("LogRecord", [field("body", 5, "Value"), list("attributes", 6, "KeyValue")]),
    message("ScopeLogs", [list("logRecords", 2, "LogRecord")]),
    message("ResourceLogs", [field("resource", 1, "Resource"), list("scopeLogs", 2, "ScopeLogs")]),
    message("ExportRequest", [list("resourceLogs", 1, "ResourceLogs")]),
  ],
};

function message(name: string, fields: readonly JsonObject[]): JsonObject {
  return { name, field: [...fields] };
}

function field(name: string, number: number, type: string, label = "LABEL_OPTIONAL"): JsonObject {
  const common = { name, jsonName: name, number, label };
  if (type.startsWith("TYPE_")) return { ...common, type };
  return { ...common, type: "TYPE_MESSAGE", typeName: typeName(type) };
}

function list(name: string, number: number, type: string): JsonObject {
  return field(name, number, type, "LABEL_REPEATED");
}

function typeName(name: string): string {
  return `.opentelemetry.proto.collector.logs.v1.${name}`;
}

interface Pair {
  readonly key?: string;
  readonly value?: { readonly stringValue?: string };
}

/** Protobuf's JSON of an `ExportRequest`. */
interface Export {
  readonly resourceLogs?: readonly {
    readonly resource?: { readonly attributes?: readonly Pair[] };
    readonly scopeLogs?: readonly {
      readonly logRecords?: readonly {
        readonly body?: { readonly stringValue?: string };
        readonly attributes?: readonly Pair[];
      }[];
    }[];
  }[];
}

function recordsOf({ resourceLogs = [] }: Export): readonly OtlpRecord[] {
  return resourceLogs.flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ logRecords = [] }) =>
      logRecords.map(({ body, attributes }) => ({
        body: body?.stringValue ?? "",
        attributes: textsOf(attributes),
        resource: textsOf(resource?.attributes),
      })),
    ),
  );
}

function textsOf(pairs: readonly Pair[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(pairs.map(({ key = "", value }) => [key, value?.stringValue ?? ""]));
}

function serve(port: number): void {
  const registry = createFileRegistry(fromJson(FileDescriptorSetSchema, { file: [FILE] }));
  const schema = registry.get(typeName("ExportRequest").slice(1));
  if (schema?.kind !== "message") throw new Error("the proto has lost its messages");
  const records: OtlpRecord[] = [];
  const take = (bytes: Uint8Array) => {
    records.push(...recordsOf(toJson(schema, fromBinary(schema, bytes)) as Export));
  };
  createServer((request, response) => {
    void bytesOf(request).then((bytes) => {
      if (request.url === EXPORT) take(bytes.subarray(PREFIX));
      response.writeHead(200, { "content-type": "application/grpc" });
      response.addTrailers({ "grpc-status": "0" });
      // An empty message, which is what an `ExportResponse` is that has nothing to complain of.
      response.end(Buffer.alloc(PREFIX));
    });
  }).listen(port, "0.0.0.0");
  createHttpServer((incoming, response) => {
    if (incoming.method === "POST" && incoming.url === "/v1/logs") {
      void bytesOf(incoming).then((bytes) => {
        take(bytes);
        response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      });
    } else response.end(JSON.stringify(records));
  }).listen(port + 1, "0.0.0.0");
}

/** gRPC puts a flag and a length before each message. */
const PREFIX = 5;
const EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

async function bytesOf(readable: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

if (import.meta.main) serve(Number(process.argv[2]));
