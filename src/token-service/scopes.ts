import { ok, type Result } from '../base/result.ts';
import { type OAuthRefusal, refuse } from './oauth-answer.ts';

/** RFC 6749 §3.3: scope-tokens with one space between them. */
const SCOPE_LIST = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;

/** The scopes that a request asks for, all of which must be granted ones; without any it gets all (RFC 6749 §3.3, §6). */
export function chooseScopes(
  requested: string | undefined,
  granted: readonly string[],
): Result<readonly string[], OAuthRefusal> {
  if (requested === undefined) return ok(granted);
  const scopes = SCOPE_LIST.test(requested) ? [...new Set(requested.split(' '))] : [];
  if (scopes.length > 0 && scopes.every((scope) => granted.includes(scope))) return ok(scopes);
  return refuse({
    error: 'invalid_scope',
    description: 'the scope is malformed, or more than the client may have',
    code: 'insufficient_scope',
  });
}
