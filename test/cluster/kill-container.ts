/**
 * Kills a container as the kernel does when memory is short: no signal that it could answer, no word to the API server.
 *
 * @module
 */
import { IMAGES } from "../../deploy/build/names.ts";
import { eventually, kubectl } from "./kubectl.ts";

const NAME = "kill-container";

/** Kills every process of the pod `namespace/name`, from a privileged pod on its node. Its kubelet starts it again. */
export async function killContainer(namespace: string, name: string): Promise<void> {
  const [uid = "", node = ""] = (
    await kubectl(["-n", namespace, "get", "pod", name, "-o", "jsonpath={.metadata.uid} {.spec.nodeName}"])
  ).split(" ");
  // By its pod's control group alone: other programs of the same name on this machine are somebody else's.
  const script = `for dir in /proc/[0-9]*; do
    while read -r line; do
      case "$line" in *pod${uid}*|*pod${uid.replaceAll("-", "_")}*) kill -9 "\${dir#/proc/}" && echo killed; break;; esac
    done < "$dir/cgroup"
  done 2>/dev/null; true`;
  const metadata = { name: NAME, namespace: "default" };
  const spec = {
    nodeName: node,
    hostPID: true,
    restartPolicy: "Never",
    containers: [
      {
        name: "main",
        image: IMAGES.init,
        command: ["/bin/sh", "-c", script],
        securityContext: { privileged: true, runAsUser: 0 },
      },
    ],
  };
  await kubectl(["-n", "default", "delete", "pod", NAME, "--ignore-not-found", "--wait=true"]);
  await kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec }));
  const phase = ["-n", "default", "get", "pod", NAME, "-o", "jsonpath={.status.phase}"];
  await eventually(phase, (said) => said === "Succeeded" || said === "Failed", 120);
  const said = await kubectl(["-n", "default", "logs", NAME]);
  await kubectl(["-n", "default", "delete", "pod", NAME, "--wait=false"]);
  if (!said.includes("killed")) throw new Error(`no process of the pod ${namespace}/${name} was found on ${node}`);
}
