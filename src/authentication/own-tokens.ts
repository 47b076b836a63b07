import type { EpochMilliseconds } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseClientId } from '../clients/client.ts';
import type { Settings } from '../config/schema/config.ts';
import { selectKey } from '../keys/jwks.ts';
import type { VerificationKey } from '../keys/jwks-admission.ts';
import type { OwnVerificationKeys } from '../keys/keyring.ts';
import { parseSessionId } from '../sessions/session.ts';
import type { StoredAccessToken, TokenStore } from '../sessions/token-store.ts';
import { parseTenantId } from '../tenants/tenant.ts';
import { hasAudience, readId, readTime, readWords } from './claims.ts';
import { parseCompactJws } from './jwt-form.ts';
import { faultOfTimes, hasAcceptedType } from './jwt-rules.ts';
import { hasValidSignature } from './jwt-signature.ts';
import { type JsonObject, parseStrictJson } from './strict-json.ts';

/** `typ` of our own JWT access tokens (RFC 9068 §2.1): an assertion can never be taken for one, nor one for an assertion. */
export const ACCESS_TOKEN_TYPE = 'at+jwt';
export const ACCESS_TOKEN_ALGORITHM = 'ES256';
/** What an opaque access token begins with. */
export const OPAQUE_PREFIX = 'gha_';

const OPAQUE = /^gha_[0-9A-Za-z]{43}$/;
/** How far the clocks of replicas may differ. */
const CLOCK_TOLERANCE_MILLISECONDS = 60_000;

/** An access token of ours that was given out: its form or its store proves it. It may have expired or been taken back since. */
export interface ProvenToken extends Omit<StoredAccessToken, 'kind'> {
  /** Of a JWT: the subject that it names. */
  readonly subject?: string;
  /** Of a JWT: what its signature was proven with. */
  readonly key?: VerificationKey;
}

/**
 * Reads an access token of ours; `digest` is the SHA-256 of its text, hex. `undefined`: it is no token of ours at all. The error is the
 * reason for the audit log. Throws `StoreUnavailable`.
 */
export type OwnTokenReader = (
  text: string,
  digest: string,
  now: EpochMilliseconds,
) => Promise<Result<ProvenToken, string> | undefined>;

export interface OwnTokenParts {
  readonly tokens: Pick<TokenStore, 'find'>;
  readonly keyring: OwnVerificationKeys;
  readonly settings: Pick<Settings, 'publicUrl' | 'tokens'>;
}

/** `aud` of JWT access tokens. */
export function audienceOf({ publicUrl, tokens }: OwnTokenParts['settings']): string | undefined {
  return tokens.audience ?? publicUrl;
}

export function createOwnTokenReader({ tokens, keyring, settings }: OwnTokenParts): OwnTokenReader {
  const issuer = settings.publicUrl;
  const audience = audienceOf(settings);

  async function findOpaque(text: string, digest: string): Promise<Result<ProvenToken, string>> {
    if (!OPAQUE.test(text)) return err('access token is malformed');
    const found = await tokens.find(digest);
    return found?.kind === 'access' ? ok(found) : err('access token is unknown');
  }

  return async (text, digest, now) => {
    if (text.startsWith(OPAQUE_PREFIX)) return findOpaque(text, digest);
    if (issuer === undefined || audience === undefined) return undefined;
    const jws = parseCompactJws(text);
    if (!jws.ok) return undefined;
    const claims = parseStrictJson(jws.value.payload);
    if (!claims.ok || claims.value['iss'] !== issuer) return undefined;
    const { algorithm, kid, type, signingInput, signature } = jws.value;
    if (algorithm !== ACCESS_TOKEN_ALGORITHM) return err('alg of the token is not that of our access tokens');
    if (type === undefined || !hasAcceptedType(type, [ACCESS_TOKEN_TYPE]))
      return err(`typ of the token is not ${ACCESS_TOKEN_TYPE}`);
    const keys = keyring.verificationKeys('access-token');
    const key = kid === undefined ? undefined : selectKey(keys, kid, ACCESS_TOKEN_ALGORITHM);
    if (key === undefined) return err('no key of our access tokens has its kid');
    if (!hasValidSignature(key, ACCESS_TOKEN_ALGORITHM, signingInput, signature))
      return err('signature is not ours');
    if (!hasAudience(claims.value['aud'], [audience])) return err('aud is not ours');
    const fault = faultOfTimes(claims.value, CLOCK_TOLERANCE_MILLISECONDS, now);
    return fault === undefined ? readClaims(claims.value, key) : err(fault);
  };
}

/** Claims as `access-tokens.ts` of the token service writes them. */
function readClaims(claims: JsonObject, key: VerificationKey): Result<ProvenToken, string> {
  const id = readId(claims['jti'], 'jti');
  const subject = readId(claims['sub'], 'sub');
  const client = parseText(claims['client_id'], parseClientId);
  const tenant = parseText(claims['tenant'], parseTenantId);
  const session = parseText(claims['sid'], parseSessionId);
  const scopes = readWords(claims['scope'], 'scope');
  const issuedAt = readTime(claims['iat'], 'iat');
  const expiresAt = readTime(claims['exp'], 'exp');
  if (!id.ok || !subject.ok || !scopes.ok || !issuedAt.ok || !expiresAt.ok)
    return err('a claim of the token is malformed');
  if (id.value === undefined || subject.value === undefined || client === undefined || tenant === undefined)
    return err('token lacks jti, sub, client_id or tenant');
  if (issuedAt.value === undefined || expiresAt.value === undefined) return err('token lacks iat or exp');
  if (claims['sid'] !== undefined && session === undefined) return err('sid of the token is malformed');
  return ok({
    id: id.value,
    subject: subject.value,
    client,
    ...(session !== undefined && { session }),
    tenants: [tenant],
    scopes: [...scopes.value],
    issuedAt: issuedAt.value * 1000,
    expiresAt: expiresAt.value * 1000,
    key,
  });
}

function parseText<T>(value: unknown, parse: (text: string) => T | undefined): T | undefined {
  return typeof value === 'string' ? parse(value) : undefined;
}
