/**
 * Annotations that say yes or no (platform spec 2.2).
 *
 * @module
 */

type Annotations = Readonly<Record<string, string>>;

/** undefined: there is no such annotation. */
export function readSwitch(annotations: Annotations, name: string): boolean | "invalid" | undefined {
  const value = annotations[name]?.toLowerCase();
  if (value === undefined) return undefined;
  if (["enabled", "yes", "true"].includes(value)) return true;
  return ["disabled", "no", "false"].includes(value) ? false : "invalid";
}

/** What to say about an `invalid` one. */
export function wrongSwitch(annotations: Annotations, name: string): string {
  return `annotation ${name} is "${(annotations[name] ?? "").slice(0, 60)}": write enabled or disabled`;
}
