import type { Denial } from '../authorization/denial.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { Result } from '../base/result.ts';
import type { Credential } from '../credentials/credential.ts';
import type { Principal } from '../principals/principal.ts';

/**
 * One verifier per credential kind; a missing one does not compile. A wrong credential is a denial
 * (`credential_invalid`, or `credential_expired` once its secret was proven right); what cannot be known is thrown
 * as an `Outage`. Revocation and tenant are decided by the caller.
 */
export type Verifiers = {
  readonly [K in Credential['kind']]: (
    credential: Extract<Credential, { kind: K }>,
    now: EpochMilliseconds,
  ) => Promise<Result<Principal, Denial>>;
};
