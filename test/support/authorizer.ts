/**
 * An external authoriser as Envoy asks one (`ext_authz` over gRPC): `bun test/support/authorizer.ts PORT`.
 *
 * It is in the mood `deny`, `allow` or `silent` (it never answers), which `POST /<mood>` on the next port changes.
 * Everything that it was asked is told at `GET /asked` there.
 *
 * @module
 */
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:http2";
import type { Code, ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Authorization, type CheckRequest } from "../../gen/envoy/service/auth/v3/external_auth_pb.ts";
import { StatusCode } from "../../gen/envoy/type/v3/http_status_pb.ts";

export interface Shown {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** The caller, from its certificate. */
  readonly principal: string;
  /** As much of the body as was shown. */
  readonly bodyBytes: number;
}

const MOODS = ["deny", "allow", "silent"] as const;
const PERMISSION_DENIED: Code = 7;
/** How many of the last questions are told. */
const KEPT = 50;

export function createAuthorizer() {
  let mood: (typeof MOODS)[number] = "deny";
  const shown: Shown[] = [];
  return {
    shown: (): readonly Shown[] => shown.slice(-KEPT),
    become: (text: string): boolean => {
      const next = MOODS.find((one) => one === text);
      if (next !== undefined) mood = next;
      return next !== undefined;
    },
    routes: (router: ConnectRouter) =>
      router.service(Authorization, {
        check: async (request) => {
          shown.push(toShown(request));
          if (mood === "silent") await new Promise(() => {});
          if (mood === "allow") return { status: { code: 0 } };
          return {
            status: { code: PERMISSION_DENIED },
            httpResponse: {
              case: "deniedResponse",
              value: { status: { code: StatusCode.Forbidden }, body: "the authoriser says no" },
            },
          };
        },
      }),
  };
}

function toShown({ attributes }: CheckRequest): Shown {
  const http = attributes?.request?.http;
  return {
    method: http?.method ?? "",
    host: http?.host ?? "",
    path: http?.path ?? "",
    principal: attributes?.source?.principal ?? "",
    bodyBytes: Buffer.byteLength(http?.body ?? ""),
  };
}

function serve(port: number): void {
  const authorizer = createAuthorizer();
  createServer(connectNodeAdapter({ routes: authorizer.routes })).listen(port, "0.0.0.0");
  createHttpServer(({ method, url = "" }, response) => {
    if (method !== "POST") response.end(JSON.stringify(authorizer.shown()));
    else response.writeHead(authorizer.become(url.slice(1)) ? 200 : 400).end();
  }).listen(port + 1, "0.0.0.0");
}

if (import.meta.main) serve(Number(process.argv[2]));
