import { StoreUnavailable } from '../base/outage.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Secret } from '../base/secret.ts';
import { type Client, parseClientId } from '../clients/client.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { Principal } from '../principals/principal.ts';
import { EMPTY_JAR, type Jar } from '../sessions/jar.ts';
import type { Session } from '../sessions/session.ts';
import { principalOfSession } from '../sessions/session-principal.ts';
import type { OpenSession } from '../sessions/session-service.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { type Refused, refused } from './outcome.ts';

/** A session that may be used here and now. */
export interface JudgedSession {
  readonly session: Session;
  readonly jar: Jar;
  readonly client: Client;
  readonly tenant: KnownTenant;
  readonly principal: Principal;
}

type Judging = Pick<BrowserSessionParts, 'sessions' | 'clients' | 'tenants' | 'revocations' | 'settings'>;

/** Nothing is said of a session while it may have been taken back without our knowing. */
export function requireCurrentRevocations(
  parts: {
    readonly revocations: Pick<Judging['revocations'], 'lag'>;
    readonly settings: Pick<Judging['settings'], 'store'>;
  },
  now: number,
): void {
  if (parts.revocations.lag(now) > parts.settings.store.maxLag)
    throw new StoreUnavailable('the revocation list may be further behind the store than maxLag allows');
}

/** The session of a cookie, judged as on any route. */
export async function openJudged(
  cookie: Secret | undefined,
  call: EndpointCall,
  parts: Judging,
): Promise<Result<JudgedSession, Refused>> {
  if (cookie === undefined) return err(refused('credential_missing', 'no session cookie'));
  requireCurrentRevocations(parts, call.now);
  const opened = await parts.sessions.open(cookie, call.now);
  if (opened.ok) return judgeSession(opened.value, call, parts);
  if (opened.error.kind === 'unknown')
    return err(refused('credential_invalid', 'the session is unknown or has ended'));
  const { session } = opened.error;
  return err(
    refused('credential_expired', `session ${session.id} has expired`, {
      client: clientOf(session, parts),
      session,
      tenant: session.tenant,
      principal: principalOf({ session, jar: EMPTY_JAR, jarRevision: 0 }, undefined),
    }),
  );
}

/**
 * Whether a session, whose credential was right, is good for a call: for this kind of client, on this host, not taken back, for a tenant
 * that is there. The CSRF rule is the caller's to apply.
 */
export function judgeSession(
  open: OpenSession,
  call: Pick<EndpointCall, 'host' | 'hostTenant' | 'now'>,
  parts: Judging,
): Result<JudgedSession, Refused> {
  const { session, jar } = open;
  const client = clientOf(session, parts);
  const principal = principalOf(open, client);
  const details = { client, session, principal, tenant: session.tenant };
  if (session.kind !== 'browser')
    return err(refused('credential_invalid', `session ${session.id} is none of POST /session`, details));
  if (session.host !== call.host)
    return err(refused('tenant_mismatch', `session ${session.id} was begun on another host`, details));
  if (client?.browserSession !== true)
    return err(
      refused('credential_revoked', `the client of session ${session.id} may have none any more`, details),
    );
  const revocation = parts.revocations.find(principal, session.tenant, call.now);
  if (revocation !== undefined) {
    const reason = `session ${session.id} is revoked as ${revocation.target.kind}`;
    return err(refused('credential_revoked', reason, details));
  }
  if (call.hostTenant !== undefined && call.hostTenant !== session.tenant)
    return err(
      refused('tenant_mismatch', `the host says ${call.hostTenant}, the session ${session.tenant}`, details),
    );
  const tenant = findActiveTenant(session.tenant, client, parts);
  if (!tenant.ok) return err({ ...tenant.error, session, denial: { ...tenant.error.denial, principal } });
  return ok({ session, jar, client, tenant: tenant.value, principal });
}

/** A tenant that the client may act for, and that is not suspended. */
export function findActiveTenant(
  id: Session['tenant'],
  client: Client,
  { tenants }: Pick<Judging, 'tenants'>,
): Result<KnownTenant, Refused> {
  const details = { client, tenant: id };
  if (client.tenants !== 'any' && !client.tenants.includes(id))
    return err(refused('tenant_mismatch', `${client.id} may not act for ${id}`, details));
  const tenant = tenants.find(id);
  if (tenant === undefined) return err(refused('tenant_mismatch', `there is no tenant ${id}`, details));
  return tenant.status === 'suspended'
    ? err(refused('tenant_suspended', `${id} is suspended`, details))
    : ok(tenant);
}

export function clientOf(
  { clientId }: Pick<Session, 'clientId'>,
  { clients }: Pick<Judging, 'clients'>,
): Client | undefined {
  const id = parseClientId(clientId ?? '');
  return id === undefined ? undefined : clients.find(id);
}

function principalOf(open: OpenSession, client: Client | undefined): Principal {
  return principalOfSession(open, { kind: 'cookie', origins: new Set(client?.origins) });
}
