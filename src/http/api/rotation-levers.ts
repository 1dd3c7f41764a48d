/**
 * The levers of `/api/v1/rotation`: start, go back, do not wait, and forget a root that is not used any more.
 *
 * @module
 */
import * as v from "valibot";
import { AnyText, SubdomainName } from "../../core/model/fields.ts";
import { RootProvider } from "../../core/model/mesh-root-certificate.ts";
import { type Action, type ActionResult, defineAction } from "./action.ts";
import { RotationAnswer, type RotationState, toRotationAnswer } from "./rotation.ts";

/** What a lever did, or why not. */
export type LeverResult<T = RotationState> =
  | { readonly ok: true; readonly state: T }
  | { readonly ok: false; readonly reason: string };

export interface RotationLevers {
  state(): RotationState;
  start(options: StartOptions): Promise<LeverResult>;
  rollBack(): Promise<LeverResult>;
  finish(): Promise<LeverResult>;
  /** Deletes what is left of a root that the mesh does not use. Gives what was deleted, such as "Secret osm-system/x". */
  forget(root: string): Promise<LeverResult<readonly string[]>>;
}

const DOMAIN_LENGTH = 128;
const DOMAIN = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/;

// Messages complete "must be …" (core/model/issues.ts).
const TrustDomain = v.pipe(
  AnyText,
  v.maxLength(DOMAIN_LENGTH, `a trust domain of at most ${DOMAIN_LENGTH} characters`),
  v.regex(DOMAIN, "a trust domain such as cluster.local, in lower case"),
);

const StartBody = v.pipe(
  v.strictObject({
    trustDomain: v.optional(v.pipe(TrustDomain, v.description("Of the new root; the mesh's own by default"))),
    provider: v.optional(
      v.pipe(
        RootProvider,
        v.description(
          "Who signs from then on: exactly one of the three, as in spec.provider of a MeshRootCertificate. A new root of the mesh's own by default",
        ),
      ),
    ),
    meshRootCertificate: v.optional(
      v.pipe(SubdomainName, v.description("An inactive MeshRootCertificate that becomes the mesh's root")),
    ),
    name: v.optional(v.pipe(SubdomainName, v.description("Of the MeshRootCertificate that is made"))),
  }),
  v.forward(
    v.partialCheck(
      [["meshRootCertificate"], ["trustDomain"], ["provider"], ["name"]],
      ({ meshRootCertificate, trustDomain, provider, name }) =>
        meshRootCertificate === undefined || (trustDomain ?? provider ?? name) === undefined,
      "has a provider, a trust domain and a name: leave those out",
    ),
    ["meshRootCertificate"],
  ),
);
export type StartOptions = v.InferOutput<typeof StartBody>;

const NoBody = v.strictObject({});
const ForgetBody = v.strictObject({
  root: v.pipe(SubdomainName, v.description("As `/api/v1/rotation` named it, or its MeshRootCertificate's name")),
});
const Forgotten = v.object({
  root: v.string(),
  deleted: v.pipe(v.array(v.string()), v.description("Kind and place of each, such as Secret osm-system/NAME")),
});

const ROTATION = { schemaName: "Rotation", schema: RotationAnswer } as const;

export function rotationActions(levers: RotationLevers): readonly Action[] {
  return [
    startAction(levers),
    defineAction({
      ...ROTATION,
      path: "/api/v1/rotation/rollback",
      id: "rollBackRotation",
      summary: "Go back to the old root",
      description: "Until the old root is dropped. 409 if no rotation is under way.",
      body: NoBody,
      run: () => answered(levers.rollBack()),
    }),
    defineAction({
      ...ROTATION,
      path: "/api/v1/rotation/finish",
      id: "finishRotation",
      summary: "Do not wait for proxies that are not connected",
      description:
        "For the phase that it is in. A connected proxy is waited for all the same; those left behind get the rest when they return.",
      body: NoBody,
      run: () => answered(levers.finish()),
    }),
    defineAction({
      path: "/api/v1/rotation/forget",
      id: "forgetRoot",
      schemaName: "Forgotten",
      schema: Forgotten,
      summary: "Delete what is left of a root that the mesh does not use any more",
      description:
        "Its Secret if osm made it, and its MeshRootCertificate where those decide. 409 if the root is in use, or nothing is left of it.",
      body: ForgetBody,
      async run({ root }): Promise<ActionResult<v.InferOutput<typeof Forgotten>>> {
        const done = await levers.forget(root);
        return done.ok ? { ok: true, answer: { root, deleted: [...done.state] } } : done;
      },
    }),
  ];
}

function startAction(levers: RotationLevers): Action {
  return defineAction({
    ...ROTATION,
    path: "/api/v1/rotation/start",
    id: "startRotation",
    summary: "Move the mesh to another root of trust",
    description:
      "Goes on by itself, each phase when every proxy has accepted the one before. The new root is tried first: 409, and nothing is changed, if it cannot sign. 409 also while another rotation is under way. With MeshRootCertificates it writes their roles, and answers once those are followed.",
    body: StartBody,
    run: (options) => answered(levers.start(options)),
  });
}

async function answered(result: Promise<LeverResult>) {
  const done = await result;
  return done.ok ? { ok: true as const, answer: toRotationAnswer(done.state) } : done;
}
