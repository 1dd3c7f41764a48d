/**
 * A cap on request bodies that holds for every handler, also for one that has none of its own.
 *
 * @module
 */
export type FetchHandler = (request: Request) => Response | Promise<Response>;

const TOO_LARGE = 413;
/**
 * Bytes of a body that is too large which are taken and thrown away, so that its sender reads our answer: one that is
 * still sending when the connection ends sees that alone. Who states more than that is answered at once.
 */
const COURTESY = 16 << 20;

/** @param limit - In bytes. Bodies above it are answered with 413; the handler sees at most `limit` bytes of one. */
export function limitBody(handler: FetchHandler, limit: number): FetchHandler {
  return (request) => {
    if (request.method === "GET" || request.method === "HEAD") return handler(request);
    const stated = request.headers.get("content-length");
    const { body } = request;
    // With a length, the runtime reads no more than that.
    if (stated !== null) return Number(stated) > limit ? refuse(body, Number(stated), limit) : handler(request);
    if (body === null) return handler(request);
    return handleCounted(request, body, { handler, limit });
  };
}

async function handleCounted(
  { method, url, headers, signal }: Request,
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { handler, limit }: { readonly handler: FetchHandler; readonly limit: number },
): Promise<Response> {
  const counted = countBytes(body, limit);
  const init = { method, headers: [...headers], body: counted.body, signal, duplex: "half" };
  try {
    const response = await handler(new Request(url, init));
    return counted.exceeded() ? tooLarge(limit) : response;
  } catch (cause) {
    if (counted.exceeded()) return tooLarge(limit);
    throw cause;
  }
}

function countBytes(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  limit: number,
): { readonly body: ReadableStream<Uint8Array<ArrayBuffer>>; exceeded(): boolean } {
  let size = 0;
  const counter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      size += chunk.byteLength;
      if (size > limit) controller.error(new RangeError(`a request body of more than ${limit} bytes`));
      else controller.enqueue(chunk);
    },
  });
  return { body: body.pipeThrough(counter), exceeded: () => size > limit };
}

async function refuse(body: ReadableStream<Uint8Array> | null, stated: number, limit: number): Promise<Response> {
  if (body !== null && stated <= COURTESY) await body.pipeTo(new WritableStream()).catch(ignore);
  return tooLarge(limit);
}

/** The sender went away, or was too slow: nobody is left to answer. */
function ignore(): void {}

function tooLarge(limit: number): Response {
  const problem = {
    type: "about:blank",
    title: "Content Too Large",
    status: TOO_LARGE,
    detail: `the body is larger than ${limit} bytes`,
  };
  return new Response(JSON.stringify(problem), {
    status: TOO_LARGE,
    headers: { "content-type": "application/problem+json", connection: "close" },
  });
}
