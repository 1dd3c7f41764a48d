/**
 * A client that tests run inside pods: `bun test/support/client.ts '<JSON of a Task>'` prints the JSON of its result.
 *
 * @module
 */
import { parseTask, perform } from "../../src/demo/tasks/perform.ts";

const result = await perform(parseTask(process.argv[2] ?? ""));
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
