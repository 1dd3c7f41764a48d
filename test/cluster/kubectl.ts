/**
 * Calls kubectl on the cluster that `KUBECONFIG` names.
 *
 * @module
 */
import { runCommand, tryCommand } from "../../src/local/tools/command.ts";
import { findProgram } from "../../src/local/tools/find.ts";

const WAIT_STEP = 500;

/**
 * To be called before a suite: without a cluster its tests must fail, and say what is missing.
 *
 * @throws Error if there is no `KUBECONFIG` or no kubectl.
 */
export function requireCluster(): void {
  if ((process.env["KUBECONFIG"] ?? "") === "")
    throw new Error("KUBECONFIG names no cluster: these tests need a real one (test/README.md)");
  if (findProgram("kubectl") === undefined) throw new Error("kubectl is not on PATH: these tests need it");
}

/** What kubectl prints. `input` goes to its standard input. @throws CommandFailed with what it complained of. */
export async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await runCommand(["kubectl", ...args], input === undefined ? {} : { input });
}

/** What kubectl complains of, "" if it does not. */
export async function kubectlComplaint(args: readonly string[], input?: string): Promise<string> {
  const { code, stderr } = await tryCommand(["kubectl", ...args], input === undefined ? {} : { input });
  return code === 0 ? "" : stderr;
}

/** Asks until `fits`, and returns that answer. @throws Error with the last answer once `seconds` have passed. */
export async function eventually(
  args: readonly string[],
  fits: (answer: string) => boolean,
  seconds = 60,
): Promise<string> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const { stdout, stderr } = await tryCommand(["kubectl", ...args]);
    if (fits(stdout)) return stdout;
    if (Date.now() > deadline)
      throw new Error(`kubectl ${args.join(" ")}: after ${seconds} s still ${stdout || stderr || "nothing"}`);
    await new Promise((resolve) => setTimeout(resolve, WAIT_STEP));
  }
}
