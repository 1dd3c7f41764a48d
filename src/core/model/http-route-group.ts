/**
 * HTTPRouteGroup: named kinds of HTTP request.
 *
 * @module
 */
import * as v from "valibot";
import { compareText } from "../base/ref.ts";
import type { Report } from "../base/report.ts";
import { fieldsOf, filled, listOf, mapOf, NameText, Text } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";
import { Pattern } from "./regex.ts";

export interface HttpMatch {
  readonly name: string;
  /** RE2, matches the whole path without the query. `.*` if left out. */
  readonly pathRegex: string;
  /** Never empty; `["*"]` is any. Each once. */
  readonly methods: readonly string[];
  /** RE2 patterns that match the whole value. Sorted by name, `:authority` (written `host`) first, each name once. */
  readonly headers: readonly { readonly name: string; readonly regex: string }[];
}

export interface HTTPRouteGroup {
  readonly kind: "HTTPRouteGroup";
  readonly meta: Meta;
  /** Names are unique: of two with one name, the later one stands. */
  readonly matches: readonly HttpMatch[];
}

const KNOWN_METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
const ANY_METHOD = "*";
/** RFC 9110 `token`. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const Method = v.pipe(Text, v.check(isMethod, "* or an HTTP method such as GET, in upper case"));

const HeaderName = v.pipe(v.string(), v.check(isHeaderName, "the name of a header"));

const Headers = listOf(mapOf(Pattern, HeaderName));

const Match = fieldsOf({
  name: NameText,
  pathRegex: filled(Pattern, ".*"),
  methods: listOf(Method),
  headers: Headers,
});

export const HTTPRouteGroup: Kind<HTTPRouteGroup> = defineKind({
  kind: "HTTPRouteGroup",
  group: "specs.smi-spec.io",
  plural: "httproutegroups",
  versions: ["v1alpha4"],
  unserved: ["v1alpha3", "v1alpha2", "v1alpha1"],
  fields: "ours",
  schema: fieldsOf({ metadata: Metadata, spec: fieldsOf({ matches: listOf(Match) }) }),
  build: ({ spec }, meta, report): HTTPRouteGroup => ({
    kind: "HTTPRouteGroup",
    meta,
    matches: lastOfEachName(spec.matches.map(toMatch), report),
  }),
});

function isMethod(text: string): boolean {
  if (text === "" || text === ANY_METHOD) return true;
  return TOKEN.test(text) && (KNOWN_METHODS.includes(text) || !KNOWN_METHODS.includes(text.toUpperCase()));
}

// Envoy has the host under `:authority`; other names that begin with a colon are its own as well.
function isHeaderName(name: string): boolean {
  return TOKEN.test(name.startsWith(":") ? name.slice(1) : name);
}

function toMatch({ name, pathRegex, methods, headers }: v.InferOutput<typeof Match>): HttpMatch {
  return { name, pathRegex, methods: tidyMethods(methods), headers: flatten(headers) };
}

function tidyMethods(methods: readonly string[]): readonly string[] {
  const named = methods.filter((method) => method !== "");
  return named.length === 0 || named.includes(ANY_METHOD) ? [ANY_METHOD] : [...new Set(named)];
}

/** One list out of many maps. Of two with one key the later stands; two spellings of a name are two conditions. */
function flatten(maps: readonly Readonly<Record<string, string>>[]): HttpMatch["headers"] {
  const byKey = new Map(maps.flatMap((one) => Object.entries(one)));
  return [...byKey]
    .map(([key, regex]) => ({ name: canonicalName(key), regex }))
    .sort((a, b) => compareText(a.name, b.name) || compareText(a.regex, b.regex));
}

function canonicalName(key: string): string {
  const name = key.toLowerCase();
  return name === "host" ? ":authority" : name;
}

function lastOfEachName(matches: readonly HttpMatch[], report: Report): readonly HttpMatch[] {
  return matches.filter(({ name }, i) => {
    const later = matches.findIndex((other, j) => j > i && other.name === name);
    if (later === -1) return true;
    report(
      "route-match-duplicate",
      `spec.matches[${i}].name`,
      `"${name}" is also the name of spec.matches[${later}], which stands`,
    );
    return false;
  });
}
