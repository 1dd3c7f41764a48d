/**
 * Two raw TCP servers for trying policies on: one that answers, and one that speaks first.
 *
 * @module
 */
import { readLines } from "../lines.ts";
import { type Served, serveTcp } from "../serve.ts";
import type { AppInput } from "./app.ts";

/** Answers each line with `echo response: LINE`, as OSM's tcp-echo-server does. */
export async function startTcpEcho({ port, log }: AppInput): Promise<Served> {
  const served = await serveTcp(port, (socket) => {
    readLines(socket, (line) => {
      if (socket.writable) socket.write(`echo response: ${line}\n`);
    });
  });
  log(`tcp-echo listens on port ${served.port}`);
  return served;
}

/** Sends one line with its identity as soon as it is connected to, and then closes. */
export async function startBanner({ env, port, log }: AppInput): Promise<Served> {
  const identity = env["IDENTITY"] || env["HOSTNAME"] || "banner";
  const served = await serveTcp(port, (socket) => {
    socket.resume();
    socket.end(`hello from ${identity}\n`);
  });
  log(`banner listens on port ${served.port}`);
  return served;
}
