import type { AcceptedCredentials } from '../credentials/credential.ts';
import type { DenyCode } from './deny-codes.ts';

/** `error` of RFC 6750 §3.1. None when no credential was sent, so that nothing is said about it. */
const BEARER_ERRORS: Partial<Record<DenyCode, string>> = {
  credential_invalid: 'invalid_token',
  credential_expired: 'invalid_token',
  credential_revoked: 'invalid_token',
  insufficient_scope: 'insufficient_scope',
};

/**
 * Values of WWW-Authenticate for a refusal on a route: one per scheme that it accepts (RFC 9110 §11.6.1). Empty where
 * a challenge would not help.
 */
export function challengesFor(
  code: DenyCode,
  accepts: ReadonlySet<AcceptedCredentials>,
  scopes: readonly string[] | undefined,
): readonly string[] {
  const isChallenge = code === 'credential_missing' || BEARER_ERRORS[code] !== undefined;
  if (!isChallenge) return [];
  const challenges: string[] = [];
  const isPair = accepts.has('apiKey+bearer');
  if (accepts.has('bearer') || isPair) {
    const error = BEARER_ERRORS[code];
    const parameters = ['realm="gatehouse"'];
    if (error !== undefined) parameters.push(`error="${error}"`);
    if (scopes !== undefined && code === 'insufficient_scope')
      parameters.push(`scope="${scopes.filter(isScopeToken).join(' ')}"`);
    challenges.push(`Bearer ${parameters.join(', ')}`);
  }
  if ((accepts.has('apiKey') || isPair) && code !== 'insufficient_scope')
    challenges.push('ApiKey realm="gatehouse"');
  return challenges;
}

/** scope-token of RFC 6749 §3.3: safe inside a quoted string. */
function isScopeToken(scope: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope);
}
