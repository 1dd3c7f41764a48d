/**
 * What a command says on this process's terminal, kept instead.
 *
 * @module
 */

export interface Terminal {
  out: string;
  err: string;
  /** Gives the terminal back, and the exit code of before. */
  release(): void;
}

export function captureTerminal(): Terminal {
  const kept = { log: console.log, error: console.error, write: process.stderr.write };
  const terminal: Terminal = {
    out: "",
    err: "",
    release() {
      Object.assign(console, { log: kept.log, error: kept.error });
      process.stderr.write = kept.write;
      process.exitCode = 0;
    },
  };
  console.log = (text: string) => {
    terminal.out += `${text}\n`;
  };
  console.error = (text: string) => {
    terminal.err += `${text}\n`;
  };
  process.stderr.write = (text: string | Uint8Array) => {
    terminal.err += text;
    return true;
  };
  return terminal;
}
