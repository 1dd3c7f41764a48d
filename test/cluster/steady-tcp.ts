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
  readonly fresh: { readonly ok: number; readonly failures: readonly FreshFailure[] };
}

export interface FreshFailure {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly reason: string;
}

const SEND_EVERY = 100;
const FRESH_EVERY = 500;
/** A busy machine is slow, which is no failure of the mesh. */
const PATIENCE = 30_000;
/** The newest are kept: an outage of minutes has hundreds. */
const MOST_FAILURES = 1000;

const [host = "", port = ""] = process.argv.slice(2);
let [sent, echoed, ended, ok] = [0, 0, "", 0];
const failures: FreshFailure[] = [];

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
    else failures.push({ at: Date.now(), reason });
    if (failures.length > MOST_FAILURES) failures.shift();
  };
  const timer = setTimeout(() => finish("no echo in time"), PATIENCE);
  socket.on("connect", () => socket.write("once\n"));
  readLines(socket, (line) => finish(line === "echo response: once" ? "" : `"${line}" came`));
  socket.on("error", ({ message }) => finish(message));
  socket.on("close", () => finish("closed before an echo"));
}

keepOne();
setInterval(openOne, FRESH_EVERY);
setInterval(() => {
  const tally: TcpTally = { sent, echoed, ended, fresh: { ok, failures } };
  console.log(JSON.stringify(tally));
}, 1000);
