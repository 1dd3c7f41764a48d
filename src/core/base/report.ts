/**
 * Telling what is wrong with one object, while it is read or linked.
 *
 * @module
 */
import { type Finding, type FindingCode, finding } from "./finding.ts";
import type { ObjectRef } from "./ref.ts";

/** Adds a finding about the object that is looked at. */
export type Report = (code: FindingCode, path: string, message: string) => void;

/** @returns What adds to `findings`. */
export function reportTo(findings: Finding[], about: ObjectRef): Report {
  return (code, path, message) => {
    findings.push(finding(code, about, path, message));
  };
}
