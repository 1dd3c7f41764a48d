/**
 * Where the running demo is shown: redrawn in a terminal with keys, or as plain lines in a pipe.
 *
 * @module
 */
import { createLogUpdate } from "log-update";
import type { Millis } from "../core/base/millis.ts";
import { IN_COLOUR, PLAIN, renderLines, renderScreen } from "./render.ts";
import type { View } from "./view.ts";

export interface Screen {
  /** Between two looks. */
  readonly interval: Millis;
  /** `turn`: counts run from the last turn of a switch. `look`: from the look before, so that each stands for itself. */
  readonly since: "turn" | "look";
  /** `message`: the newest thing that happened besides; "" for none. */
  show(view: View, message: string): void;
  /** Gives the terminal back as it was. */
  close(): void;
}

export interface TerminalStreams {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

const CTRL_C = "\u0003";

/** Redraws in place once a second. `onKey` gets single characters; Ctrl-C comes as "q". */
export function terminalScreen({ input, output }: TerminalStreams, onKey: (key: string) => void): Screen {
  const update = createLogUpdate(output);
  const paint = output.hasColors() ? IN_COLOUR : PLAIN;
  const listen = (chunk: Uint8Array | string): void => {
    for (const key of String(chunk)) onKey(key === CTRL_C ? "q" : key);
  };
  const keys = input.isTTY;
  if (keys) {
    input.setRawMode(true);
    input.setEncoding("utf8");
    input.on("data", listen);
    input.resume();
  }
  return {
    interval: 1_000,
    since: "turn",
    show: (view, message) =>
      update(`${renderScreen(view, paint)}${message === "" ? "" : `\n${paint("yellow", message)}`}`),
    close() {
      update.done();
      if (!keys) return;
      input.off("data", listen);
      input.setRawMode(false);
      input.pause();
    },
  };
}

/** Writes a paragraph every five seconds. */
export function lineScreen(write: (line: string) => void): Screen {
  let told = "";
  return {
    interval: 5_000,
    since: "look",
    show(view, message) {
      if (message !== told && message !== "") write(message);
      told = message;
      for (const line of renderLines(view)) write(line);
      write("");
    },
    close: () => undefined,
  };
}
