/**
 * RE2 patterns, as Envoy reads them. They are compiled to see whether Envoy will take them, and never run here.
 *
 * @module
 */
import { RE2JS } from "re2js";
import * as v from "valibot";
import { AnyText } from "./fields.ts";

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
  if (pattern === "") return "empty matches nothing; leave it out, or write .*";
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (fault) {
    // The library throws its own errors, and the engine's where a pattern is too large for it.
    return fault instanceof Error ? fault.message.replace("error parsing regexp: ", "") : "too large";
  }
}
