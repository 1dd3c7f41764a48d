/** The same machine without root. */
import { it } from "node:test";
import { networkCases } from "./network-cases.ts";
import { noOrdinaryUser, ordinaryUser } from "./starters.ts";

const reason = noOrdinaryUser();
if (reason === undefined) networkCases("an ordinary user", ordinaryUser);
else {
  console.error(`!!! SKIPPED: a machine started by an ordinary user: ${reason}`);
  it("a machine started by an ordinary user", { skip: reason }, () => undefined);
}
