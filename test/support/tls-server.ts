/**
 * An application that speaks the mesh's TLS itself, with a certificate of the test's choice:
 * `bun test/support/tls-server.ts PORT FILE`, FILE a JSON `{chain, key}`, read again for every start.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:tls";

const [, , port = "", file = ""] = process.argv;
const { chain, key } = JSON.parse(readFileSync(file, "utf8")) as { readonly chain: string; readonly key: string };
const server = createServer({ cert: chain, key, ALPNProtocols: ["osm"] }, (socket) => {
  socket.on("error", () => {}); // a caller that does not trust us hangs up
  socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
});
server.on("tlsClientError", () => {});
server.listen(Number(port), "0.0.0.0");
