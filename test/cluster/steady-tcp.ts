/**
 * A client of a line echo server, to be run in a pod: one connection that is used without end, and a new one twice a
 * second, since only a new one makes two proxies prove anew who they are. Prints what came of them, once a second.
 *
 * `steady-tcp.ts HOST PORT`; it needs nothing but a runtime.
 *
 * @module
 */
import { connect, type Socket } from "node:net";

/** One line of what it prints. */
export interface TcpTally {
  /** Of the one connection; an echo belongs to the line before it, in order. */
  readonly sent: number;
  readonly echoed: number;
  /** Why the one connection ended; "" for as long as it lives. */
  readonly ended: string;
  readonly fresh: { readonly ok: number; readonly failures: readonly FreshFailures[] };
}

/** Failures of new connections, close to each other: an outage of minutes has hundreds, and a log's line its limit. */
export interface FreshFailures {
  /** Of the first, in epoch milliseconds. */
  readonly at: number;
  /** Of the last. */
  until: number;
  count: number;
  /** Each once. */
  readonly reasons: string[];
}

const SEND_EVERY = 100;
const FRESH_EVERY = 500;
/** A busy machine is slow, which is no failure of the mesh. */
const PATIENCE = 30_000;
/** Between failures that are told of as one. */
const CLOSE = 5000;

const [host = "", port = ""] = process.argv.slice(2);
let [sent, echoed, ended, ok] = [0, 0, "", 0];
const failures: FreshFailures[] = [];

/** Calls `take` with each whole line. */
function readLines(socket: Socket, take: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  });
}

function keepOne(): void {
  const socket = connect(Number(port), host);
  const timer = setInterval(() => {
    socket.write(`line ${sent}\n`);
    sent += 1;
  }, SEND_EVERY);
  const end = (why: string): void => {
    clearInterval(timer);
    ended ||= why;
    socket.destroy();
  };
  readLines(socket, (line) => {
    if (line === `echo response: line ${echoed}`) echoed += 1;
    else end(`"${line}" came where the echo of line ${echoed} was due`);
  });
  socket.on("error", ({ message }) => end(message));
  socket.on("close", () => end("the other side closed it"));
}

function openOne(): void {
  const socket = connect(Number(port), host);
  let over = false;
  const finish = (reason: string): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    socket.destroy();
    if (reason === "") ok += 1;
    else note(reason);
  };
  const timer = setTimeout(() => finish("no echo in time"), PATIENCE);
  socket.on("connect", () => socket.write("once\n"));
  readLines(socket, (line) => finish(line === "echo response: once" ? "" : `"${line}" came`));
  socket.on("error", ({ message }) => finish(message));
  socket.on("close", () => finish("closed before an echo"));
}

function note(reason: string): void {
  const now = Date.now();
  const last = failures.at(-1);
  if (last === undefined || now - last.until > CLOSE) {
    failures.push({ at: now, until: now, count: 1, reasons: [reason] });
    return;
  }
  last.until = now;
  last.count += 1;
  if (!last.reasons.includes(reason)) last.reasons.push(reason);
}

keepOne();
setInterval(openOne, FRESH_EVERY);
setInterval(() => {
  const tally: TcpTally = { sent, echoed, ended, fresh: { ok, failures } };
  console.log(JSON.stringify(tally));
}, 1000);
