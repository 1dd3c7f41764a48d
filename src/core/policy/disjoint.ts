/**
 * A cheap proof that two path patterns have no path in common.
 *
 * Without it every route of a server would repeat the rules of all later ones: with many TrafficTargets on one account
 * the routes would grow with the square of their number.
 *
 * @module
 */

/** What every match of a pattern begins with, or, if `whole`, is. */
interface Literal {
  readonly text: string;
  readonly whole: boolean;
}

/** @returns false whenever it cannot tell. Patterns match the whole path. */
export function areDisjoint(a: string, b: string): boolean {
  const [one, other] = [literalOf(a), literalOf(b)];
  if (one.whole && other.whole) return one.text !== other.text;
  if (one.whole) return !one.text.startsWith(other.text);
  if (other.whole) return !other.text.startsWith(one.text);
  return !one.text.startsWith(other.text) && !other.text.startsWith(one.text);
}

/** Characters that stand for themselves, and escaped ones that do. */
const LITERALS = /^(?:\\[^\w\s]|[^\\.[\](){}*+?^$])*/u;
const ONE_LITERAL = /\\?(.)/gsu;
/** After these the character before may be missing. */
const OPTIONAL = ["*", "?", "{"];

function literalOf(regex: string): Literal {
  // A choice can be anywhere, and its first branch says nothing of the second.
  if (regex.includes("|")) return { text: "", whole: false };
  const [prefix = ""] = LITERALS.exec(regex) ?? [];
  const rest = regex.slice(prefix.length);
  const chars = [...prefix.matchAll(ONE_LITERAL)].map(([, char = ""]) => char);
  const certain = OPTIONAL.some((mark) => rest.startsWith(mark)) ? chars.slice(0, -1) : chars;
  return { text: certain.join(""), whole: rest === "" };
}
