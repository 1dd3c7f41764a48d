/**
 * ACK and NACK: what a client's answer to a response means for the state and for the observer.
 *
 * @module
 */
import { NO_NAME, type Note, type Progress, type Waiting } from "./order.ts";
import type { ResourceKind } from "./resource.ts";

/** Longest part of a client's error message that is kept, in characters. */
const MAX_MESSAGE = 2048;

export interface Answer {
  readonly nonce: string;
  /** undefined: accepted. */
  readonly error: string | undefined;
}

/** The client's answer to `type.waiting`, with the notes for the observer. Not for stale answers. */
export function settleAnswer<T extends Progress>(
  kind: ResourceKind,
  type: T,
  waiting: Waiting,
  { error }: Answer,
): [T, Note[]] {
  const { content, groupVersion } = waiting;
  const refused = new Map(type.refused);
  for (const { name } of content.resources) refused.delete(name);
  refused.delete(NO_NAME);
  if (error === undefined) {
    const next = { ...type, waiting: undefined, refused, synced: groupVersion };
    return [next, [{ kind: "acknowledged", resource: kind, version: groupVersion }]];
  }
  const message = error.slice(0, MAX_MESSAGE);
  const names = faultyNames(message, content.changed);
  // What was sent stays noted as sent: the same bytes would be refused again, so only other bytes are sent.
  for (const { name, version } of content.resources) if (names.includes(name)) refused.set(name, version);
  if (names.length === 0) refused.set(NO_NAME, groupVersion);
  const note: Note = { kind: "rejected", resource: kind, version: groupVersion, names, message };
  return [{ ...type, waiting: undefined, refused }, [note]];
}

/** The names that Envoy's message mentions; all of them if it mentions none. Best effort: the text is not specified. */
export function faultyNames(message: string, names: readonly string[]): readonly string[] {
  const mentioned = names.filter((name) => mentions(message, name));
  return mentioned.length === 0 ? names : mentioned;
}

// `ns/web|80` must not be found in `ns/web|8080`, nor `web` in `web-v2`.
function mentions(message: string, name: string): boolean {
  if (name === "") return false;
  for (let at = message.indexOf(name); at >= 0; at = message.indexOf(name, at + 1)) {
    if (!continues(message[at - 1]) && !continues(message[at + name.length])) return true;
  }
  return false;
}

function continues(character: string | undefined): boolean {
  return character !== undefined && /[\w|/-]/.test(character);
}
