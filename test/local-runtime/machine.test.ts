/** A machine started by whoever runs the tests: root here, mostly. */
import { networkCases } from "./network-cases.ts";
import { myself } from "./starters.ts";

networkCases("the user of the tests", myself);
