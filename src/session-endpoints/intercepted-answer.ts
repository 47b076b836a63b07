import { type Denial, denial } from '../authorization/denial.ts';
import { err, ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import type { EndpointAnswer, EndpointCall, EndpointRecord } from '../endpoints/endpoint.ts';
import { findCookies, type OwnCookie } from '../http/cookies.ts';
import { problemOf } from '../http/problem.ts';
import type { UpstreamAnswer } from '../login/login-bridge.ts';
import type { Refused } from './outcome.ts';

/** A refusal of the gateway's own. No challenge: old clients know of none, and browsers would ask for a password. */
export function refusalAnswer(
  call: EndpointCall,
  { denial: { code, reason, principal, retryAfterSeconds }, tenant }: Refused,
): EndpointAnswer {
  const problem = problemOf(code, call.decisionId);
  const fields = [
    'Content-Type',
    problem.contentType,
    'X-Content-Type-Options',
    'nosniff',
    'Cache-Control',
    'no-store',
  ];
  if (retryAfterSeconds !== undefined)
    fields.push('Retry-After', String(Math.max(1, Math.ceil(retryAfterSeconds))));
  return {
    status: problem.status,
    fields,
    body: problem.body,
    record: {
      decision: 'denied',
      code,
      reason,
      ...(principal !== undefined && { principal }),
      ...(tenant !== undefined && { tenant }),
    },
  };
}

/** The upstream's own answer, byte for byte, with the cookie if one is given. */
export function passedAnswer(
  { status, fields, body }: UpstreamAnswer,
  record: EndpointRecord,
  cookie?: string,
): EndpointAnswer {
  const added = cookie === undefined ? [] : ['Cache-Control', 'no-store', 'Set-Cookie', cookie];
  return { status, fields: [...fields, ...added], body, record };
}

/** The session cookie of an old client. A prefix of its name demands Secure. */
export function legacyCookie(name: string, { scheme }: Pick<EndpointCall, 'scheme'>): OwnCookie {
  return { name, path: '/', sameSite: 'Lax', isSecure: scheme === 'https' || name.startsWith('__') };
}

/** The value of the session cookie; `undefined`: there is none. The error: there are several. */
export function readLegacyCookie(call: EndpointCall, name: string): Result<Secret | undefined, Denial> {
  const found = findCookies(call.field('cookie') ?? '', [name]);
  if (call.isRepeated('cookie') || found.repeated !== 0)
    return err(denial('credential_ambiguous', 'there are several session cookies, or several Cookie fields'));
  const [value] = found.values;
  return ok(value === undefined || value === '' ? undefined : new Secret(value));
}

/**
 * Why a post to an intercepted route is not taken as meant; `undefined`: it is. A page elsewhere could log its visitor in as somebody else, or
 * out. Browsers say where a post comes from; old clients say nothing. The field of our own pages is not asked for, since it is the
 * upstream's form that they post.
 */
export function crossSiteObjection(call: EndpointCall): string | undefined {
  const valueOf = (name: string): string | undefined => (call.isRepeated(name) ? '' : call.field(name));
  const origin = valueOf('origin');
  const site = valueOf('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin') return 'Sec-Fetch-Site is not same-origin';
  if (origin !== undefined && origin !== call.origin) return 'Origin is not our own';
  return undefined;
}
