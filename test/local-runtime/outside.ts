/** The process in the user's terminal: enters a machine and runs the given program (`inside.ts`) in it. */
import { enterMachine } from "../../src/local/runtime/launch.ts";
import { checkMachine } from "../../src/local/runtime/preflight.ts";

const [stateDir = "", ...argv] = process.argv.slice(2);
for (const { what, wayOut } of await checkMachine()) console.error(`missing: ${what}: ${wayOut}`);
try {
  process.exitCode = await enterMachine(argv, stateDir);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
