/**
 * Names and values of HTTP headers, as Envoy takes them.
 *
 * @module
 */
import * as v from "valibot";
import { AnyText } from "./fields.ts";
import { FormatText } from "./format-command.ts";

/** RFC 9110 `token`. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Tabs and what can be seen. */
const VALUE = /^[\t\u0020-\u007e\u0080-\uffff]+$/;
/** Envoy lets no configuration change them. */
const FIXED = "host";

/** Of a header to add. Lower case out. */
export const HeaderName = v.pipe(
  AnyText,
  v.transform((text) => text.toLowerCase()),
  v.check((name) => TOKEN.test(name) && name !== FIXED, "the name of a header other than Host"),
);

/** Of a header to look at; Envoy has the method, path and host under names that begin with a colon. Lower case out. */
export const ReadHeaderName = v.pipe(
  AnyText,
  v.transform((text) => (text.toLowerCase() === FIXED ? ":authority" : text.toLowerCase())),
  v.check((name) => TOKEN.test(name.startsWith(":") ? name.slice(1) : name), "the name of a header"),
);

/** Envoy's commands have their effect in it; `%%` is a percent sign. */
export const HeaderValue = v.pipe(
  AnyText,
  v.check((text) => VALUE.test(text), "the value of a header, not empty, on one line"),
  FormatText,
);
