/**
 * A provider outside of this process could not be asked, or its answers are of no use to anybody.
 *
 * @module
 */
export type UnavailableKind =
  | "unreachable"
  | "untrusted"
  | "sealed"
  | "standby"
  | "permission-denied"
  | "mount-missing"
  | "namespace-missing"
  | "role-missing"
  | "issuer-missing"
  | "issuer-ending"
  | "key-refused"
  | "denied"
  | "failed"
  | "timeout"
  | "throttled"
  | "clock"
  | "unusable"
  /** It was not asked: the last try failed, and the time to try again has not come. */
  | "waiting";

/** Concerns all leaves, not one. Asked again later it may work: when the provider is back, or an operator acted. */
export class ProviderUnavailable extends Error {
  override readonly name = "ProviderUnavailable";
  readonly provider: string;
  readonly kind: UnavailableKind;

  /** @param told.detail - What is the matter; `told.wayOut` says what to do. Neither may hold a token or a key. */
  constructor(
    told: {
      readonly provider: string;
      readonly kind: UnavailableKind;
      readonly detail: string;
      readonly wayOut: string;
    },
    options?: ErrorOptions,
  ) {
    super(`${told.provider}: ${told.detail}; ${told.wayOut}`, options);
    this.provider = told.provider;
    this.kind = told.kind;
  }
}
