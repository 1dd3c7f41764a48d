/**
 * One TCP connection that is used for a long time: `bun test/support/long-tcp.ts HOST PORT SECONDS` writes a line every
 * 100 ms to an echo server, and prints what came back as JSON.
 *
 * @module
 */
import { connect } from "node:net";

const [host = "", port = "", seconds = ""] = process.argv.slice(2);
const EVERY = 100;
const total = Math.floor((Number(seconds) * 1000) / EVERY);

let sent = 0;
let received = "";
const socket = connect(Number(port), host);
socket.setEncoding("utf8");

function finish(ended: string): void {
  clearInterval(timer);
  const echoed = received.split("\n").filter((line) => line.startsWith("echo response: ")).length;
  process.stdout.write(`${JSON.stringify({ sent, echoed, ended })}\n`, () => process.exit(0));
}

const timer = setInterval(() => {
  if (sent < total) {
    socket.write(`line ${sent}\n`);
    sent += 1;
  } else if (received.split("\n").length > total || sent > total + 10) finish("complete");
  else sent += 1;
}, EVERY);
socket.on("data", (text: string) => {
  received += text;
});
socket.on("error", (error) => finish(error.message));
socket.on("end", () => finish("the other side ended"));
