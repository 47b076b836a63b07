import { hash } from 'node:crypto';
import { BASE62, CROCKFORD_BASE32, randomText } from '../base/random-text.ts';
import { err, ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import type { Client } from '../clients/client.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { Principal, PrincipalSession } from '../principals/principal.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { clientOf, findActiveTenant, openJudged, requireCurrentRevocations } from './judge-session.ts';
import { objectionTo } from './meant.ts';
import { type Outcome, type Refused, refused } from './outcome.ts';
import type { SessionCookies } from './session-cookies.ts';
import { secondsUntil } from './session-view.ts';

const ID_LENGTH = 16;
/** 256 bits. */
const TICKET_LENGTH = 43;

/** Who asks for a ticket. */
interface Asking {
  readonly client: Client;
  readonly principal: Principal;
  readonly session: PrincipalSession['id'];
  readonly tenant: TenantId;
}

/**
 * `POST /session/ticket`: a single-use stand-in for the session cookie, or for an access token of a user, in the query of a WebSocket or
 * event stream. It may do no more than what it stands in for.
 */
export async function issueTicket(
  call: EndpointCall,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Promise<Outcome> {
  const asking = await findAsking(call, parts, cookies);
  if (!asking.ok) return asking.error;
  const { client, principal, session, tenant } = asking.value;
  const text = `ght_${randomText(BASE62, TICKET_LENGTH)}`;
  const until = principal.expiresAt ?? call.now;
  const expiresAt = Math.min(call.now + parts.settings.sessions.ticket, until);
  await parts.tokens.put(hash('sha256', text), {
    kind: 'ticket',
    id: randomText(CROCKFORD_BASE32, ID_LENGTH),
    session,
    host: call.host,
    scopes: [...principal.scopes],
    until,
    issuedAt: call.now,
    expiresAt,
  });
  return {
    kind: 'answered',
    client,
    body: { ticket: text, expires_in: secondsUntil(expiresAt, call.now) },
    record: { principal, tenant },
  };
}

async function findAsking(
  call: EndpointCall,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Promise<Result<Asking, Refused>> {
  const presented = cookies.read(call);
  if (!presented.ok) return err({ kind: 'refused', denial: presented.error });
  const { session: cookie } = presented.value;
  const authorization = call.field('authorization');
  if (authorization !== undefined) {
    if (cookie !== undefined || call.isRepeated('authorization'))
      return err(refused('credential_ambiguous', 'a session cookie and Authorization, or two of the latter'));
    return ofToken(authorization, call, parts);
  }
  const judged = await openJudged(cookie, call, parts);
  if (!judged.ok) return judged;
  const { client, principal, session } = judged.value;
  const objection = objectionTo(call, client);
  return objection === undefined
    ? ok({ client, principal, session: session.id, tenant: session.tenant })
    : err(refused('csrf_rejected', objection, { client, principal, tenant: session.tenant }));
}

/** b64token of RFC 6750 §2.1. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/** By an access token of ours of a user: a page elsewhere cannot send it unasked. */
async function ofToken(
  authorization: string,
  call: EndpointCall,
  parts: BrowserSessionParts,
): Promise<Result<Asking, Refused>> {
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) return err(refused('credential_invalid', 'Authorization is no bearer token'));
  requireCurrentRevocations(parts, call.now);
  const authenticated = await parts.authentication.authenticate(
    { kind: 'bearer', value: new Secret(token) },
    call.now,
  );
  if (!authenticated.ok) return err({ kind: 'refused', denial: authenticated.error });
  const principal = authenticated.value;
  const [tenant] = principal.tenants;
  const client = clientOf(principal, parts);
  const details = { client, principal, tenant };
  if (principal.session === undefined || client === undefined)
    return err(refused('credential_invalid', 'the token is not one of ours of a user', details));
  const revocation = parts.revocations.find(principal, tenant, call.now);
  if (revocation !== undefined)
    return err(refused('credential_revoked', `the token is revoked as ${revocation.target.kind}`, details));
  if (call.hostTenant !== undefined && call.hostTenant !== tenant)
    return err(refused('tenant_mismatch', `the host says ${call.hostTenant}, the token ${tenant}`, details));
  const active = findActiveTenant(tenant, client, parts);
  return active.ok ? ok({ client, principal, session: principal.session.id, tenant }) : active;
}
