/**
 * From a Connect router to a handler of HTTP/2 requests.
 *
 * The package's own adapter prints an error for every client that vanishes in the midst of a response. Here that is
 * nothing to report, and what is goes to the observer.
 *
 * @module
 */
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { type ConnectRouter, type ContextValues, createConnectRouter } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";

export interface AdapterOptions {
  register(router: ConnectRouter): void;
  contextOf(request: Http2ServerRequest): ContextValues;
  onError(error: Error): void;
}

export type Http2Handler = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

/** gRPC alone, uncompressed: it is all that Envoy speaks here. Anything else is not found. */
export function toHttp2Handler({ register, contextOf, onError }: AdapterOptions): Http2Handler {
  const router = createConnectRouter({ acceptCompression: [], grpcWeb: false, connect: false });
  register(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const handler = handlers.get(request.url);
    if (handler === undefined) {
      response.writeHead(404);
      response.end();
      return;
    }
    const universal = universalRequestFromNodeRequest(request, response, undefined, contextOf(request));
    handler(universal)
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((error: unknown) => {
        if (!universal.signal.aborted && !response.destroyed)
          onError(error instanceof Error ? error : new Error(String(error)));
      });
  };
}
