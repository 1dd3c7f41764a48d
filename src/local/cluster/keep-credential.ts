/**
 * A pod's credential for the control plane: issued for its start, and again whenever roots have come or gone since.
 *
 * @module
 */
import type { ProxyIdentity } from "../../core/base/identity.ts";
import type { SidecarPlan } from "./pod-containers.ts";
import type { PodRunnerOptions } from "./pod-runner.ts";
import type { PodCredential, PodCredentials } from "./ports.ts";
import { credentialFiles } from "./sidecar.ts";

export function keepCredential(
  credentials: PodCredentials,
  proxy: ProxyIdentity,
  planWith: (credential: PodCredential) => SidecarPlan,
): Pick<NonNullable<PodRunnerOptions["sidecar"]>, "prepare" | "renew"> {
  let held = "";
  let renewing = false;
  return {
    async prepare() {
      const credential = await credentials.issue(proxy);
      held = credential.revision;
      return planWith(credential);
    },
    async renew(write) {
      if (renewing || held === credentials.revision()) return;
      renewing = true;
      try {
        const credential = await credentials.issue(proxy);
        await write(credentialFiles(credential));
        held = credential.revision;
      } finally {
        renewing = false;
      }
    },
  };
}
