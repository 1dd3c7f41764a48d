/**
 * An HTTP server with moods: `bun test/support/moody-server.ts PORT`. `?ms=N` answers after N milliseconds, `?status=N`
 * with that status, `?drop=1` not at all: it closes the connection. `STATUS` in the environment is the status of all
 * answers; `IDENTITY` is told in each.
 *
 * @module
 */
import { createServer } from "node:http";

const { STATUS = "200", IDENTITY = "moody" } = process.env;

const server = createServer((request, response) => {
  const query = new URL(request.url ?? "/", "http://moody").searchParams;
  if (query.has("drop")) return void request.socket.destroy();
  const status = Number(query.get("status") ?? STATUS);
  setTimeout(
    () => response.writeHead(status, { identity: IDENTITY }).end(`${IDENTITY}\n`),
    Number(query.get("ms") ?? "0"),
  );
});
server.keepAliveTimeout = 3_600_000;
server.listen(Number(process.argv[2]), "0.0.0.0");
