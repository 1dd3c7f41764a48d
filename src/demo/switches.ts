/**
 * The three switches that a spectator may turn: permissive mode, the thief, the split. Pure.
 *
 * @module
 */
import type { SwitchFile } from "./manifests.ts";

export const SPLITS = ["100-0", "90-10", "50-50", "0-100"] as const;
/** Weights of version 1 and version 2. */
export type Split = (typeof SPLITS)[number];

export interface Switches {
  readonly permissive: boolean;
  readonly thiefAllowed: boolean;
  readonly split: Split;
}

/** What `BASE_MANIFESTS` say. */
export const INITIAL_SWITCHES: Switches = { permissive: false, thiefAllowed: false, split: "90-10" };

const SWITCH_KEYS = ["p", "t", "s"] as const;
export type SwitchKey = (typeof SWITCH_KEYS)[number];

export function isSwitchKey(key: string): key is SwitchKey {
  return SWITCH_KEYS.some((one) => one === key);
}

/** The next position of one switch, and the manifest that brings it about. */
export function turn(now: Switches, key: SwitchKey): { readonly next: Switches; readonly file: SwitchFile } {
  switch (key) {
    case "p":
      return {
        next: { ...now, permissive: !now.permissive },
        file: now.permissive ? "permissive-off.yaml" : "permissive-on.yaml",
      };
    case "t":
      return {
        next: { ...now, thiefAllowed: !now.thiefAllowed },
        file: now.thiefAllowed ? "deny-bookthief.yaml" : "allow-bookthief.yaml",
      };
    case "s": {
      const split = SPLITS[(SPLITS.indexOf(now.split) + 1) % SPLITS.length] ?? SPLITS[0];
      return { next: { ...now, split }, file: `split-${split}.yaml` };
    }
  }
}

/** One line of where the switches stand. */
export function describeSwitches({ permissive, thiefAllowed, split }: Switches): string {
  const [v1, v2] = split.split("-");
  const thief = permissive ? "bookthief free, as everybody" : thiefAllowed ? "bookthief allowed" : "bookthief denied";
  return `${permissive ? "permissive mode" : "SMI mode"}, ${thief}, split v1 ${v1} / v2 ${v2}`;
}
