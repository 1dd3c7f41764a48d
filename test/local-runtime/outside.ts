/** The process in the user's terminal: enters a machine and runs `inside.ts` in it. */
import { join } from "node:path";
import { enterMachine } from "../../src/local/runtime/launch.ts";

const [stateDir = "", ...rest] = process.argv.slice(2);
const inside = join(import.meta.dirname, "inside.ts");
const runtime = "Deno" in globalThis ? [process.execPath, "run", "-A", "--no-check"] : [process.execPath];
process.exitCode = await enterMachine([...runtime, inside, stateDir, ...rest], stateDir);
