/**
 * A request, and Envoy's ways to look at it.
 *
 * @module
 */
import { RE2JS } from "re2js";
import type { StringMatcher } from "../../gen/envoy/type/matcher/v3/string_pb.ts";

export interface HttpRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** The Host header. */
  readonly authority: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export function headerOf({ method, path, authority, headers }: HttpRequest, name: string): string | undefined {
  switch (name) {
    case ":method":
      return method;
    case ":path":
      return path;
    case ":authority":
      return authority;
    default:
      return headers[name];
  }
}

export function matchesText({ matchPattern }: StringMatcher, text: string): boolean {
  switch (matchPattern.case) {
    case "exact":
      return matchPattern.value === text;
    case "safeRegex":
      return matchesWhole(matchPattern.value.regex, text);
    default:
      throw new Error(`string matcher ${matchPattern.case} is not simulated`);
  }
}

export function matchesWhole(regex: string, text: string): boolean {
  return RE2JS.compile(regex).matches(text);
}
