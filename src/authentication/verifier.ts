import type { ApiKeyId } from '../api-keys/api-key.ts';
import { type Denial, denial } from '../authorization/denial.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { Credential } from '../credentials/credential.ts';
import type { Principal } from '../principals/principal.ts';

/** What a verifier found, and how long and under which conditions it may be reused for the same credential. */
export type Verification = Accepted | Refused;

export interface Accepted {
  readonly kind: 'accepted';
  readonly principal: Principal;
  /** Exclusive; beside the principal's own expiry. Absent: until something it depends on changes. */
  readonly reusableUntil?: EpochMilliseconds;
  /** What it depends on (an API key, the key of an issuer, a session): when one of them changes, it is dropped. */
  readonly dependsOn?: readonly string[];
  /** Asked on every reuse; false = verify again. Cheap. Absent: nothing to ask. */
  readonly isStillBound?: () => boolean;
  /** The key whose last use is recorded; absent where none is. */
  readonly usedKey?: ApiKeyId;
}

export interface Refused {
  readonly kind: 'refused';
  readonly denial: Denial;
  /** Exclusive. Absent: not remembered, since finding out again costs as little. */
  readonly reusableUntil?: EpochMilliseconds;
}

/** `principal`: whose credential it is, where that is proven. */
export function refused(code: Denial['code'], reason: string, principal?: Principal): Refused {
  return { kind: 'refused', denial: denial(code, reason, principal === undefined ? {} : { principal }) };
}

/**
 * One verifier per credential kind; a missing one does not compile. A wrong credential is refused
 * (`credential_invalid`, or `credential_expired` and `credential_revoked` once its secret was proven right); what cannot be known is
 * thrown as an `Outage`. The revocation list and the tenant are the caller's. `digest` is the SHA-256 of the value, in hex.
 */
export type Verifiers = {
  readonly [K in Credential['kind']]: (
    credential: Extract<Credential, { kind: K }>,
    digest: string,
    now: EpochMilliseconds,
  ) => Promise<Verification>;
};
