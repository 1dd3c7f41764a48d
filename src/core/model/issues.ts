/**
 * From what a schema found wrong to a finding's path and words.
 *
 * Every schema here has a message that completes "must be …". The value at fault is added in this one place.
 *
 * @module
 */
import type * as v from "valibot";

export type Path = readonly (string | number)[];

const PLAIN_KEY = /^[A-Za-z_]\w*$/;
const SHOWN_LENGTH = 60;

/** `spec.rules[0].name`; keys that are not plain words are quoted: `metadata.labels["app.kubernetes.io/name"]`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, key) => text + stepText(key, text === ""), "");
}

function stepText(key: string | number, first: boolean): string {
  if (typeof key === "number") return `[${key}]`;
  if (!PLAIN_KEY.test(key)) return `[${JSON.stringify(key)}]`;
  return first ? key : `.${key}`;
}

export function issuePath(issue: v.BaseIssue<unknown>): Path {
  return (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
}

export function issueMessage(issue: v.BaseIssue<unknown>): string {
  if (isMissingKey(issue)) return "is required";
  const quotes = issue.message.startsWith("a text") && /^(number|boolean)$/.test(typeof issue.input);
  return `must be ${issue.message}${quotes ? " (put it in quotes)" : ""}, but is ${show(issue.input)}`;
}

/** A field that is not there, as against one of a wrong value. */
export function isMissingKey({ type, path }: v.BaseIssue<unknown>): boolean {
  const last = path?.[path.length - 1];
  return type === "object" && last?.type === "object" && last.origin === "key";
}

/** A value as messages show it: texts quoted and cut, lists and objects by their sort alone. */
export function show(value: unknown): string {
  if (typeof value === "string") {
    return value.length <= SHOWN_LENGTH ? JSON.stringify(value) : `${JSON.stringify(value.slice(0, SHOWN_LENGTH))}…`;
  }
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  return String(value);
}
