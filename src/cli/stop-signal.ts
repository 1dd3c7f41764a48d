/**
 * Ctrl-C and `kill` as an AbortSignal, so that a command ends by taking down what it put up.
 *
 * @module
 */
export interface StopSignal {
  readonly signal: AbortSignal;
  /** Resolves once the process is asked to stop. */
  readonly asked: Promise<void>;
  /** Gives the signals their own effect back. */
  release(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Listens from now on. Asked again while it stops, the process goes on stopping. */
export function stopSignal(): StopSignal {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => {
    controller.abort();
    resolve();
  };
  for (const name of SIGNALS) process.on(name, stop);
  return {
    signal: controller.signal,
    asked: promise,
    release() {
      for (const name of SIGNALS) process.off(name, stop);
    },
  };
}
