/**
 * What the leader keeps right in the API server of what the last compile says: statuses, and the gateway's certificate.
 *
 * @module
 */
import type { Chore } from "../cluster/chores.ts";
import { keepGatewaySecret } from "../cluster/gateway-secret.ts";
import { createStatusWriter, statusesOf } from "../cluster/object-status.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ControlPlane } from "./control-plane.ts";

export interface ObjectChores {
  readonly client: KubernetesClient;
  readonly plane: Pick<ControlPlane, "authority" | "engine">;
  readonly log: Logger;
  readonly meshName: string;
}

/** They rest until something was compiled: before, nobody knows what the MeshConfig wants and what objects are worth. */
export function objectChores({ client, plane, log, meshName }: ObjectChores): readonly Chore[] {
  const { authority, engine } = plane;
  const writer = createStatusWriter(client);
  const wanted = () => engine.loop.mesh()?.graph.config.certificate.ingressGateway;
  const now = () => Date.now();
  return [
    {
      name: "gateway certificate",
      async run() {
        if (engine.loop.mesh() === undefined) return;
        const written = await keepGatewaySecret({ client, authority, meshName, wanted, now });
        if (written) log.info("issued the ingress gateway's certificate", { ...wanted()?.secret });
      },
    },
    {
      name: "statuses",
      async run() {
        const snapshot = engine.loop.mesh()?.snapshot;
        if (snapshot !== undefined) await writer.write(statusesOf(snapshot, engine.findings(), meshName));
      },
    },
  ];
}
