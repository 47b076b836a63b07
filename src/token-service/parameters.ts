import { ok, type Result } from '../base/result.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import { invalidRequest, type OAuthRefusal } from './oauth-answer.ts';

/** What a client sent, by name. One without a value counts as not sent (RFC 6749 §3.2). */
export type Parameters = ReadonlyMap<string, string>;

const MAX_PARAMETERS = 100;
const FORM = /^application\/x-www-form-urlencoded(?:[\t ]*;[\t ]*charset="?utf-8"?)?[\t ]*$/i;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The parameters of a request to the token service (RFC 6749 §3.2, appendix B): in the body alone, form-encoded UTF-8, each at most
 * once, unknown ones too. A query is refused whatever it says: it ends up in logs and histories (§2.3.1).
 */
export function readParameters(call: EndpointCall): Result<Parameters, OAuthRefusal> {
  if (call.query !== '') return invalidRequest('parameters belong into the body, not into the query');
  const type = call.field('content-type');
  if (type === undefined || call.isRepeated('content-type') || !FORM.test(type))
    return invalidRequest('the body has to be application/x-www-form-urlencoded in UTF-8');
  const pairs = call.body.length === 0 ? [] : call.body.toString('latin1').split('&');
  if (pairs.length > MAX_PARAMETERS) return invalidRequest('too many parameters');
  const seen = new Set<string>();
  const parameters = new Map<string, string>();
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decodeForm(equals === -1 ? pair : pair.slice(0, equals));
    const value = decodeForm(equals === -1 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined)
      return invalidRequest('the body is not form-encoded UTF-8');
    if (seen.has(name)) return invalidRequest('a parameter is there more than once');
    seen.add(name);
    if (value !== '') parameters.set(name, value);
  }
  return ok(parameters);
}

/** The text that a form-encoded one, given byte for byte as Latin-1, stands for; `undefined`: none. */
export function decodeForm(encoded: string): string | undefined {
  if (!/^(?:[^%]|%[0-9A-Fa-f]{2})*$/s.test(encoded)) return undefined;
  const bytes = encoded
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  try {
    return UTF8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}
