/** Laws of a stream, for any interleaving of publishes, requests, responses, refusals and reconnects. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import { DELTA_WIRE, ModelEnvoy, type Received, SOTW_WIRE, type Wire } from "../../test/support/xds-model.ts";
import { resources } from "../../test/support/xds-world.ts";
import { DELTA, initialDelta, stepDelta } from "./delta.ts";
import type { Mail } from "./mailbox.ts";
import { isHeldBack, type Note, type Step } from "./order.ts";
import type { ProxyResources, ResourceKind } from "./resource.ts";
import { initialSotw, SOTW, stepSotw } from "./sotw.ts";

/** One configuration of a small mesh, consistent in itself: listener → route → cluster → endpoints. */
interface Config {
  /** Per listener: its route, that route's cluster, and a number that changes the listener alone. */
  readonly listeners: readonly { readonly route: number; readonly cluster: number; readonly flavour: number }[];
  /** More clusters that nothing names, and what changes clusters and endpoints alone. */
  readonly spare: readonly number[];
  readonly clusterFlavour: number;
  readonly endpointsFlavour: number;
}

const small = fc.integer({ min: 0, max: 2 });
const CONFIG: fc.Arbitrary<Config> = fc.record({
  listeners: fc.array(fc.record({ route: small, cluster: fc.integer({ min: 0, max: 4 }), flavour: small }), {
    maxLength: 2,
  }),
  spare: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
  clusterFlavour: small,
  endpointsFlavour: small,
});

function render({ listeners, spare, clusterFlavour, endpointsFlavour }: Config): ProxyResources {
  const clusters = [...new Set([...listeners.map((one) => one.cluster), ...spare])].sort();
  // Two listeners may share a route; the last one's cluster is then the route's, and both are in `clusters`.
  return resources({
    listener: Object.fromEntries(listeners.map(({ route, flavour }, i) => [`l${i}`, `l${i}=r${route}#${flavour}`])),
    route: Object.fromEntries(listeners.map(({ route, cluster }) => [`r${route}`, `r${route}=c${cluster}#`])),
    cluster: Object.fromEntries(clusters.map((n) => [`c${n}`, `c${n}=#${clusterFlavour}`])),
    endpoints: Object.fromEntries(clusters.map((n) => [`c${n}`, `c${n}=#${endpointsFlavour}`])),
  });
}

type Event =
  | { readonly kind: "publish"; readonly config: Config }
  | { readonly kind: "serve" }
  | { readonly kind: "receive" }
  | { readonly kind: "refuse" }
  /** Refuses listeners and routes only. Routes to a new cluster that was refused go out all the same, by design. */
  | { readonly kind: "refuse-users" }
  | { readonly kind: "overdue" }
  | { readonly kind: "reconnect" };

const plain: fc.Arbitrary<Event> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("publish" as const), config: CONFIG }) },
  { weight: 5, arbitrary: fc.constant<Event>({ kind: "serve" }) },
  { weight: 5, arbitrary: fc.constant<Event>({ kind: "receive" }) },
);
const withReconnects = fc.oneof(
  { weight: 8, arbitrary: plain },
  { weight: 1, arbitrary: fc.constant<Event>({ kind: "reconnect" }) },
);
const withRefusals = fc.oneof(
  { weight: 8, arbitrary: plain },
  { weight: 1, arbitrary: fc.constant<Event>({ kind: "refuse-users" }) },
);
const withAll = fc.oneof(
  { weight: 8, arbitrary: withReconnects },
  { weight: 1, arbitrary: fc.constant<Event>({ kind: "refuse" }) },
  { weight: 1, arbitrary: fc.constant<Event>({ kind: "overdue" }) },
);

interface Variant<State, Req, Res> {
  readonly initial: () => State;
  readonly step: (state: State, mail: Mail<Req>) => Step<State, Res>;
  readonly heldBack: (state: State) => boolean;
  readonly wire: Wire<Req, Res>;
}

const LIMITS = { maxNames: 100 };
const delta: Variant<ReturnType<typeof initialDelta>, DeltaDiscoveryRequest, DeltaDiscoveryResponse> = {
  initial: initialDelta,
  step: (state, mail) => stepDelta(state, mail, LIMITS),
  heldBack: (state) => isHeldBack(state, DELTA),
  wire: DELTA_WIRE,
};
const sotw: Variant<ReturnType<typeof initialSotw>, DiscoveryRequest, DiscoveryResponse> = {
  initial: initialSotw,
  step: (state, mail) => stepSotw(state, mail, LIMITS),
  heldBack: (state) => isHeldBack(state, SOTW),
  wire: SOTW_WIRE,
};

/** A server's stream and a client, with all that is under way between them. */
class Run<State, Req, Res> {
  readonly envoy: ModelEnvoy<Req, Res>;
  readonly notes: Note[] = [];
  readonly #variant: Variant<State, Req, Res>;
  readonly #seen: (received: Received) => void;
  #state: State;
  #published: ProxyResources | undefined;
  #under: Res[] = [];

  constructor(variant: Variant<State, Req, Res>, seen: (received: Received) => void = () => {}) {
    this.#variant = variant;
    this.#seen = seen;
    this.#state = variant.initial();
    this.envoy = new ModelEnvoy(variant.wire);
    this.envoy.open();
  }

  get published(): ProxyResources | undefined {
    return this.#published;
  }

  #mail(mail: Mail<Req>): void {
    const step = this.#variant.step(this.#state, mail);
    this.#state = step.state;
    this.notes.push(...step.notes);
    for (const response of step.responses) this.#seen(this.#variant.wire.response(response));
    this.#under.push(...step.responses);
  }

  /** @returns false if there was nothing to do. */
  play(event: Event): boolean {
    switch (event.kind) {
      case "publish":
        this.#published = render(event.config);
        this.#mail({ kind: "resources", resources: this.#published });
        return true;
      case "overdue":
        this.#mail({ kind: "overdue" });
        return true;
      case "serve": {
        const request = this.envoy.out.shift();
        if (request !== undefined) this.#mail({ kind: "request", request });
        return request !== undefined;
      }
      case "receive":
      case "refuse":
      case "refuse-users": {
        const response = this.#under.shift();
        if (response === undefined) return false;
        const { kind } = this.#variant.wire.response(response);
        const refused =
          event.kind === "refuse" || (event.kind === "refuse-users" && (kind === "listener" || kind === "route"));
        this.envoy[refused ? "refuse" : "receive"](response);
        return true;
      }
      case "reconnect":
        this.#under = [];
        this.#state = this.#variant.initial();
        if (this.#published !== undefined) this.#mail({ kind: "resources", resources: this.#published });
        this.envoy.open();
        return true;
    }
  }

  /**
   * Lets both sides finish. Deadlines fire at the end, as they would in time: first Envoy's for endpoints, then ours.
   *
   * @param lost - Endpoints may be missing since they were refused or cut off, not only since nobody has them.
   */
  settle({ lost }: { readonly lost: boolean } = { lost: false }): void {
    for (let round = 0; round < 3; round++) {
      this.rest();
      const missing = [...this.envoy.cold].filter(
        (name) => lost || this.#published?.endpoints.byName.has(name) !== true,
      );
      // A delta client is told at once that there are none.
      if (this.#variant.wire === DELTA_WIRE && !lost) assert.deepEqual(missing, []);
      this.envoy.giveUpOn(missing);
      this.rest();
      if (this.#variant.heldBack(this.#state)) this.play({ kind: "overdue" });
    }
  }

  rest(each: () => void = () => {}): void {
    for (let i = 0; this.play({ kind: "serve" }) || this.play({ kind: "receive" }); i++) {
      assert.ok(i < 1000, "never quiet");
      each();
    }
  }
}

/** The client has what was published: all of what it asks for, nothing else. */
function assertInStep<S, Q, R>(run: Run<S, Q, R>): void {
  const published = run.published;
  if (published === undefined) return;
  for (const kind of ["cluster", "endpoints", "listener", "route"] as const) {
    const wanted: [string, string][] = [...published[kind].byName].map(([name, { body }]) => [
      name,
      new TextDecoder().decode(body),
    ]);
    const held = [...run.envoy.holds[kind]].sort(([a], [b]) => (a < b ? -1 : 1));
    // Routes that no listener names are never asked for.
    assert.deepEqual(held, wanted, `${kind} differ`);
  }
  assert.deepEqual([...run.envoy.cold], [], "a cluster is still warming");
}

function check<S, Q, R>(
  variant: Variant<S, Q, R>,
  events: fc.Arbitrary<Event>,
  law: (run: Run<S, Q, R>, all: readonly Event[]) => void,
): void {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 60, size: "max" }), (all) => law(new Run(variant), all)),
    { numRuns: 300 },
  );
}

function laws<S, Q, R>(name: string, variant: Variant<S, Q, R>): void {
  describe(name, () => {
    it("brings the client to what was published last, across reconnects", () => {
      check(variant, withReconnects, (run, events) => {
        for (const event of events) run.play(event);
        run.settle();
        assertInStep(run);
      });
    });

    it("never leaves a route without its cluster", () => {
      // A state-of-the-world client that comes back does not say what it holds: no such promise there.
      check(variant, name === "delta" ? withReconnects : plain, (run, events) => {
        for (const event of events) {
          run.play(event);
          assert.deepEqual(run.envoy.dangling(), []);
        }
        run.rest(() => assert.deepEqual(run.envoy.dangling(), []));
      });
    });

    it("never leaves a route without its cluster when parts are refused", () => {
      check(variant, withRefusals, (run, events) => {
        for (const event of events) {
          run.play(event);
          assert.deepEqual(run.envoy.dangling(), []);
        }
      });
    });

    it("comes to rest whatever is refused, cut off or late", () => {
      check(variant, withAll, (run, events) => {
        for (const event of events) run.play(event);
        run.settle({ lost: true });
        // And the next configuration that is accepted, and that changes every type, is taken as a whole.
        run.play({
          kind: "publish",
          config: {
            // A cluster that no generated configuration has: a route that was refused must not come again as it was.
            listeners: [{ route: 0, cluster: 9, flavour: 9 }],
            spare: [],
            clusterFlavour: 9,
            endpointsFlavour: 9,
          },
        });
        run.settle({ lost: true });
        assertInStep(run);
      });
    });

    it("sends nothing to a client that comes back in step", () => {
      check(variant, plain, (run, events) => {
        for (const event of events) run.play(event);
        run.settle();
        run.notes.length = 0;
        run.play({ kind: "reconnect" });
        run.settle();
        // A state-of-the-world client that dropped names since the last response says a version that covers them too.
        const inexact: readonly string[] = name === "delta" ? [] : ["endpoints", "route"];
        const again = run.notes.filter(
          (note) => note.kind === "sent" && note.names + note.removed > 0 && !inexact.includes(note.resource),
        );
        assert.deepEqual(again, []);
      });
    });
  });
}

describe("any interleaving", () => {
  laws("delta", delta);
  laws("state of the world", sotw);

  it("sends no resource twice on a delta stream, but endpoints after their cluster", () => {
    fc.assert(
      fc.property(fc.array(plain, { maxLength: 60, size: "max" }), (events) => {
        const run = new Run(delta, refuseRepeats());
        for (const event of events) run.play(event);
        run.settle();
      }),
      { numRuns: 300 },
    );
  });
});

function refuseRepeats(): (received: Received) => void {
  const last: Record<ResourceKind, Map<string, string>> = {
    cluster: new Map(),
    endpoints: new Map(),
    listener: new Map(),
    route: new Map(),
    secret: new Map(),
  };
  return ({ kind, resources: sent, removed }) => {
    for (const name of removed) last[kind].delete(name);
    for (const [name, body] of sent) {
      assert.notEqual(last[kind].get(name), body, `${kind} ${name} again`);
      last[kind].set(name, body);
      if (kind === "cluster") last.endpoints.delete(name);
    }
    // A client that drops a listener forgets its route, and may ask for the same again.
    if (kind === "listener") last.route.clear();
  };
}
