/**
 * `osm demo app NAME`: the applications that the demo's containers run, and a few servers and clients for tests.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import type { StartApp } from "../demo/apps/app.ts";
import { BOOKBUYER, BOOKTHIEF, startBookClient } from "../demo/apps/book-client.ts";
import { startBookstore } from "../demo/apps/bookstore.ts";
import { startBookwarehouse } from "../demo/apps/bookwarehouse.ts";
import { startDatabase } from "../demo/apps/database.ts";
import { callGrpc, startGrpcEcho } from "../demo/apps/grpc-echo.ts";
import { startHttpEcho } from "../demo/apps/http-echo.ts";
import { runLoad } from "../demo/apps/http-load.ts";
import { startHttpsEcho } from "../demo/apps/https-echo.ts";
import { startBanner, startTcpEcho } from "../demo/apps/tcp-servers.ts";
import { callWebSocket } from "../demo/apps/ws-call.ts";
import { BOOK_PORT, DATABASE_PORT } from "../demo/settings.ts";
import { parseTask, perform } from "../demo/tasks/perform.ts";
import { stopSignal } from "./stop-signal.ts";

interface Server {
  readonly name: string;
  readonly port: number;
  readonly about: string;
  readonly start: StartApp;
}

const SERVERS: readonly Server[] = [
  {
    name: "bookbuyer",
    port: BOOK_PORT,
    about: "buys books from bookstore",
    start: (input) => startBookClient(BOOKBUYER, input),
  },
  { name: "bookthief", port: BOOK_PORT, about: "tries to", start: (input) => startBookClient(BOOKTHIEF, input) },
  { name: "bookstore", port: BOOK_PORT, about: "sells books, restocks from bookwarehouse", start: startBookstore },
  { name: "bookwarehouse", port: BOOK_PORT, about: "counts books in the database", start: startBookwarehouse },
  { name: "database", port: DATABASE_PORT, about: "keeps counters; speaks first, as MySQL does", start: startDatabase },
  {
    name: "http-echo",
    port: 8080,
    about: "tells what it was asked; /stream, /upload, /status/NNN, /ws",
    start: startHttpEcho,
  },
  {
    name: "https-echo",
    port: 8443,
    about: "http-echo over TLS, with what TLS_CERTIFICATE and TLS_KEY hold in PEM",
    start: startHttpsEcho,
  },
  { name: "grpc-echo", port: 9000, about: "answers every gRPC method with what it was sent", start: startGrpcEcho },
  { name: "tcp-echo", port: 9000, about: "answers lines", start: startTcpEcho },
  { name: "banner", port: 9000, about: "sends a line to whoever connects", start: startBanner },
];

/** The command with one sub-command an application. */
export function demoAppCommand(): Command {
  const command = new Command("app").description("run one application of the demo");
  for (const server of SERVERS) command.addCommand(serverCommand(server));
  for (const client of [httpLoadCommand(), grpcCallCommand(), wsCallCommand(), performCommand()])
    command.addCommand(client);
  return command;
}

function serverCommand({ name, port, about, start }: Server): Command {
  return new Command(name)
    .description(about)
    .option("--port <number>", "port to listen on", parsePort, port)
    .option("--ident <name>", "what it calls itself; the IDENTITY variable by default")
    .action(async (options: { readonly port: number; readonly ident?: string }) => {
      const stop = stopSignal();
      const env = options.ident === undefined ? process.env : { ...process.env, IDENTITY: options.ident };
      const served = await start({ env, port: options.port, log: (line) => console.error(line) });
      await stop.asked;
      await served.close();
      stop.release();
    });
}

interface LoadFlags {
  /** Seconds. */
  readonly timeout: number;
  readonly url: string;
  readonly rps: number;
  readonly seconds?: number;
  readonly method: string;
  readonly header: Readonly<Record<string, string>>;
  readonly fresh?: true;
  readonly port?: number;
}

function httpLoadCommand(): Command {
  return new Command("http-load")
    .description("send requests at a steady rate; print what came of them as one JSON line")
    .requiredOption("--url <url>", "plain http:// URL")
    .option("--rps <number>", "requests a second", parseAmount, 10)
    .option("--seconds <number>", "for how long; until stopped by default", parseAmount)
    .option("--method <verb>", "HTTP method", "GET")
    .option("--header <name:value>", "a header, repeatable", addHeader, {})
    .option("--fresh", "a new connection for every request")
    .option("--timeout <seconds>", "how long an answer may take", parseAmount, 5)
    .option("--port <number>", "serve the counters on this port, at /raw", parsePort)
    .action(async ({ url, rps, seconds, method, header, fresh, timeout: limit, port }: LoadFlags) => {
      const stop = stopSignal();
      const duration = seconds === undefined ? Number.POSITIVE_INFINITY : seconds * 1000;
      const connections = fresh === true ? "fresh" : "kept";
      const { signal } = stop;
      const timeout = limit * 1000;
      const call = { url, method, headers: header, timeout } as const;
      const report = await runLoad({ ...call, connections, rate: rps, duration, port, signal });
      console.log(JSON.stringify(report));
      stop.release();
    });
}

function grpcCallCommand(): Command {
  return new Command("grpc-call")
    .description("send one gRPC message; print the answer as JSON; exit 1 unless its status is 0")
    .requiredOption("--url <url>", "http://HOST:PORT of the server")
    .option("--path <path>", "method", "/osm.demo.Echo/Say")
    .option("--message <text>", "what to send", "hello")
    .action(
      async ({ url, path, message }: { readonly url: string; readonly path: string; readonly message: string }) => {
        const reply = await callGrpc(url, path, message);
        console.log(JSON.stringify(reply));
        if (reply.grpcStatus !== "0") process.exitCode = 1;
      },
    );
}

function wsCallCommand(): Command {
  return new Command("ws-call")
    .description("send one WebSocket message; print the answer as JSON; exit 1 if there is none")
    .requiredOption("--url <url>", "ws:// URL")
    .option("--message <text>", "what to send", "hello")
    .action(async ({ url, message }: { readonly url: string; readonly message: string }) => {
      const reply = await callWebSocket(url, message);
      console.log(JSON.stringify(reply));
      if (reply.error !== "") process.exitCode = 1;
    });
}

function performCommand(): Command {
  return new Command("perform")
    .description("perform one client task (JSON: kind http, load, tcp, ws or grpc); print its result as JSON")
    .argument("<task>", 'such as {"kind":"http","url":"http://shop:8080/","count":5}')
    .action(async (text: string) => console.log(JSON.stringify(await perform(parseTask(text)))));
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new InvalidArgumentError("a port is a whole number from 0 to 65535.");
  return port;
}

/** Also used by `osm demo --seconds`. */
export function parseAmount(text: string): number {
  const amount = Number(text);
  if (!Number.isFinite(amount) || amount <= 0) throw new InvalidArgumentError("a number above 0 is wanted.");
  return amount;
}

function addHeader(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = text.indexOf(":");
  if (at < 1) throw new InvalidArgumentError("a header is written NAME:VALUE.");
  return { ...before, [text.slice(0, at).trim()]: text.slice(at + 1).trim() };
}
