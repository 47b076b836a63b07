import { err, ok, type Result } from '../base/result.ts';
import type { Json } from '../principals/principal.ts';
import type { JsonObject } from './strict-json.ts';

/** Longest id of a subject, client or token, in UTF-16 units. */
const MAX_ID_LENGTH = 256;

/** Seconds of the last moment of the year 9999: what is later is no time, and breaks those who format it. */
const LAST_TIME = 253_402_300_799;

/**
 * The claim at `path`: a member of that very name (`https://example.com/roles`), or else what the names between the dots lead to
 * (`realm_access.roles`). `undefined`: there is none.
 */
export function claimAt(claims: JsonObject, path: string): Json | undefined {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: Json | undefined = claims;
  for (const name of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text that may name a subject, client or token. `undefined` if the claim is absent. */
export function readId(value: Json | undefined, claim: string): Result<string | undefined, string> {
  if (value === undefined) return ok(undefined);
  const isId = typeof value === 'string' && value !== '' && value.length <= MAX_ID_LENGTH;
  return isId ? ok(value) : err(`${claim} is not a text of 1 to ${MAX_ID_LENGTH} characters`);
}

/** A NumericDate (RFC 7519 §2) in seconds. `undefined` if the claim is absent. */
export function readTime(value: Json | undefined, claim: string): Result<number | undefined, string> {
  if (value === undefined) return ok(undefined);
  const isTime = typeof value === 'number' && value >= 0 && value <= LAST_TIME;
  return isTime ? ok(value) : err(`${claim} is not a time in seconds`);
}

/** Words of a space-separated text (`scope`, RFC 8693 §4.2) or of an array of texts. None if the claim is absent. */
export function readWords(value: Json | undefined, claim: string): Result<ReadonlySet<string>, string> {
  if (value === undefined) return ok(new Set());
  if (typeof value === 'string') return ok(new Set(value.split(' ').filter((word) => word !== '')));
  if (isTextArray(value)) return ok(new Set(value.filter((word) => word !== '')));
  return err(`${claim} is neither a text nor an array of texts`);
}

/** `aud`: one text or an array of texts, one of them ours (RFC 7519 §4.1.3). */
export function hasAudience(value: Json | undefined, accepted: readonly string[]): boolean {
  if (typeof value === 'string') return accepted.includes(value);
  return isTextArray(value) && value.some((audience) => accepted.includes(audience));
}

export function isTextArray(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
