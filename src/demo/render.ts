/**
 * A view as text: tables for a terminal, plain lines for a pipe. Pure.
 *
 * @module
 */
import { styleText } from "node:util";
import Table from "cli-table3";
import type { Millis } from "../core/base/millis.ts";
import type { Tally, Versions } from "./tally.ts";
import type { CallRow, IdentityRow, View } from "./view.ts";

/** Colours a word, or does nothing where colours are not wanted. */
export type Paint = (style: "bold" | "dim" | "green" | "red" | "yellow" | "cyan", text: string) => string;

export const IN_COLOUR: Paint = (style, text) => styleText(style, text, { validateStream: false });
export const PLAIN: Paint = (_style, text) => text;

const KEYS = "p  permissive on/off    t  allow/deny bookthief    s  next split    q  quit";

/** The whole screen. */
export function renderScreen(view: View, paint: Paint): string {
  const title = `${paint("bold", "osm demo")}  ${view.headline}  ${paint("dim", `up ${spanText(view.running)}`)}`;
  return [
    title,
    "",
    callTable(view.calls, paint),
    "",
    splitBar(view.split, paint),
    "",
    identityTable(view.identities, paint),
    "",
    paint("dim", KEYS),
  ].join("\n");
}

/** One line a pair of applications, for a log. */
export function renderLines(view: View): readonly string[] {
  const calls = view.calls.map(({ from, to, rate, tally, mtls }) => {
    const { ok, denied, failed } = tally;
    return `${from} -> ${to}  ${rate.toFixed(1)}/s  ok ${ok}  denied ${denied}  failed ${failed}  (${answersText(tally)})  mtls ${mtls}`;
  });
  const known = view.identities.flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate]));
  const certificates =
    known.length === 0 ? "none yet" : `${known.length}, oldest ${spanText(Math.max(...known.map(({ age }) => age)))}`;
  return [
    `${spanText(view.running)}  ${view.headline}`,
    ...calls,
    `split  ${splitText(view.split)}`,
    `certificates  ${certificates}`,
  ];
}

// No lines but those under the headings: numbers are what should be seen.
const BORDERLESS = {
  chars: {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: "  ",
  },
  style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
};

function callTable(calls: readonly CallRow[], paint: Paint): string {
  const head = ["FROM", "TO", "RATE/S", "OK", "DENIED", "FAILED", "MUTUAL TLS", "ANSWERS"].map((name) =>
    paint("dim", name),
  );
  const table = new Table({
    ...BORDERLESS,
    head,
    colAligns: ["left", "left", "right", "right", "right", "right", "left", "left"],
  });
  for (const { from, to, rate, tally, mtls } of calls) {
    const { ok, denied, failed } = tally;
    table.push([
      from,
      to,
      rate.toFixed(1),
      ok > 0 ? paint("green", String(ok)) : "0",
      denied > 0 ? paint("yellow", String(denied)) : "0",
      failed > 0 ? paint("red", String(failed)) : "0",
      mtls === "yes" ? paint("green", mtls) : mtls === "no" ? paint("red", mtls) : paint("dim", mtls),
      answersText(tally),
    ]);
  }
  return trimmed(table.toString());
}

function identityTable(identities: readonly IdentityRow[], paint: Paint): string {
  const head = ["IDENTITY", "POD", "READY", "CERTIFICATE", "EXPIRES IN", "RENEWED"].map((name) => paint("dim", name));
  const table = new Table({ ...BORDERLESS, head });
  for (const { identity, pod, ready, certificate, renewals } of identities) {
    table.push([
      identity,
      pod,
      ready ? paint("green", "yes") : paint("yellow", "no"),
      certificate === undefined ? paint("yellow", "none yet") : `${spanText(certificate.age)} old`,
      expiryText(certificate?.expiresIn, paint),
      renewals === 0 ? "-" : `${renewals}x`,
    ]);
  }
  return trimmed(table.toString());
}

function expiryText(expiresIn: Millis | undefined, paint: Paint): string {
  if (expiresIn === undefined) return "-";
  return expiresIn > 0 ? spanText(expiresIn) : paint("red", "expired");
}

const BAR_WIDTH = 40;

function splitBar(split: Versions, paint: Paint): string {
  const total = split.v1 + split.v2;
  const filled = total === 0 ? 0 : Math.round((split.v1 / total) * BAR_WIDTH);
  const bar =
    total === 0
      ? paint("dim", "·".repeat(BAR_WIDTH))
      : paint("cyan", "█".repeat(filled)) + "░".repeat(BAR_WIDTH - filled);
  return `bookstore for bookbuyer  v1 ${bar} v2  ${splitText(split)}`;
}

function splitText({ v1, v2 }: Versions): string {
  const total = v1 + v2;
  if (total === 0) return "no answers yet";
  const share = (count: number): string => `${((count / total) * 100).toFixed(1)} %`;
  return `v1 ${share(v1)} (${v1})  v2 ${share(v2)} (${v2})`;
}

function answersText({ answers }: Tally): string {
  const sorted = Object.entries(answers).sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.length === 0 ? "-" : sorted.map(([name, count]) => `${name} x${count}`).join(", ");
}

/** `42s`, `3m05s`, `23h59m`. Negative spans read as 0s. */
export function spanText(span: Millis): string {
  const seconds = Math.max(0, Math.floor(span / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`;
}

function trimmed(text: string): string {
  return text.replace(/[ \t]+$/gm, "");
}
