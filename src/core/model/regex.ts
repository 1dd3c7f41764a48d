/**
 * RE2 patterns, as Envoy reads them: on bytes. They are compiled to see whether Envoy will take them, and never run here.
 *
 * Envoy's own limit is a program of 100 steps, so a path of some 95 letters is refused with the whole route table. The
 * bootstrap must lift it (runtime key `re2.max_program_size.error_level`); the limits are here instead.
 *
 * @module
 */
import { RE2JS } from "re2js";
import * as v from "valibot";
import { AnyText } from "./fields.ts";

const MAX_LENGTH = 8192;
/** RE2 steps as counted here; Envoy counts up to seven times as many, far from RE2's own end of memory. */
const MAX_PROGRAM = 10_000;
const ESCAPE = /\\(?:x\{([0-9A-Fa-f]+)\}|[\s\S])/g;
/** Known to Envoy's RE2 but not to the library. */
const ANY_BYTE = "\\C";

/** A pattern that Envoy takes; it takes no empty one. */
export const Pattern = v.pipe(
  AnyText,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const fault = faultOf(dataset.value);
    if (fault !== undefined) addIssue({ message: `an RE2 pattern (${fault})` });
  }),
);

function faultOf(pattern: string): string | undefined {
  if (pattern === "") return "empty; leave it out, or write .*";
  if (pattern.length > MAX_LENGTH) return `longer than ${MAX_LENGTH} characters`;
  const wide = [...pattern.matchAll(ESCAPE)].find(([, code]) => code !== undefined && Number.parseInt(code, 16) > 0xff);
  if (wide !== undefined) return `Envoy reads bytes: ${wide[0]} is none, write the character itself`;
  try {
    const size = RE2JS.compile(pattern.replace(ESCAPE, (one) => (one === ANY_BYTE ? "." : one))).programSize();
    return size > MAX_PROGRAM ? `too large: ${size} steps, of ${MAX_PROGRAM} allowed` : undefined;
  } catch (fault) {
    // The library throws its own errors, and the engine's where a pattern is too large for it.
    return fault instanceof Error ? fault.message.replace("error parsing regexp: ", "") : "too large";
  }
}
