/**
 * A client process that opens one delta stream, says "ready" and idles until it is killed. Tests stop it with SIGSTOP,
 * which is what a half-open connection looks like from the other side.
 *
 * Reads the `Dial` as JSON from its first argument: throw-away keys of a test.
 *
 * @module
 */
import { Connection, DeltaStream, type Dial } from "./xds-client.ts";

const dial: Dial = JSON.parse(process.argv[2] ?? "");
const stream = new DeltaStream(await Connection.open(dial));
stream.send("cluster");
await stream.accept("cluster");
console.log("ready");
await stream.ending();
