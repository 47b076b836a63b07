import { err, ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import { type Client, parseClientId, subjectOfClient } from '../clients/client.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { Account, LoginBridge } from '../login/login-bridge.ts';
import type { Jar } from '../sessions/jar.ts';
import type { NewSession } from '../sessions/session-service.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { endEntirely } from './end-session.ts';
import { type BodyOf, readJsonBody } from './json-body.ts';
import { judgeSession, requireCurrentRevocations } from './judge-session.ts';
import { tenantOfLogin } from './login-tenant.ts';
import { objectionTo } from './meant.ts';
import { type Outcome, type Refused, refused } from './outcome.ts';
import type { SessionCookies } from './session-cookies.ts';
import { viewOf } from './session-view.ts';

const LOGIN = {
  client_id: 'text',
  username: 'text',
  password: 'text',
  tenant: 'text?',
  remember: 'boolean?',
} as const;

const AGENT_LENGTH = 200;

/**
 * `POST /session`: checks the password by the upstream's own login and begins a session. A session that the browser had ends with it, so
 * that nobody goes on under an id that somebody else may know.
 */
export async function beginSession(
  call: EndpointCall,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Promise<Outcome> {
  const login = readJsonBody(call, LOGIN);
  if (!login.ok) return login.error;
  const presented = cookies.read(call);
  if (!presented.ok) return { kind: 'refused', denial: presented.error };
  const front = frontOf(login.value, call, parts);
  if (!front.ok) return front.error;
  const { client, bridge, tenant } = front.value;
  requireCurrentRevocations(parts, call.now);

  const details = { client, tenant: tenant.id };
  const outcome = await bridge.logIn({
    tenant,
    username: login.value.username,
    password: new Secret(login.value.password),
    peer: call.peer,
    userAgent: call.field('user-agent') ?? '',
    origin: call.origin,
    now: call.now,
  });
  if (outcome.kind === 'throttled') {
    const { by, retryAfterSeconds } = outcome;
    return refused('too_many_failures', `too many failed logins of this ${by}`, {
      ...details,
      retryAfterSeconds,
    });
  }
  if (outcome.kind === 'rejected') return refused('credential_invalid', outcome.reason, details);

  const { account, jar } = outcome;
  const description = describe(account, jar, front.value, call, parts, login.value.remember === true);
  const begun = await parts.sessions.begin(description);
  await endPresented(presented.value.session, parts);
  const judged = judgeSession({ session: begun.session, jar, jarRevision: 0 }, call, parts);
  if (!judged.ok) {
    await endEntirely(begun.session, jar, parts);
    return judged.error;
  }
  return {
    kind: 'answered',
    client,
    body: viewOf(begun.session, call.now),
    cookies: cookies.writeBegun(begun, call.now),
    record: { principal: judged.value.principal, tenant: tenant.id, reason: 'logged in' },
  };
}

/** Through what somebody logs in. */
interface Front {
  readonly client: Client;
  readonly bridge: LoginBridge;
  readonly tenant: KnownTenant;
}

function frontOf(
  login: BodyOf<typeof LOGIN>,
  call: EndpointCall,
  parts: BrowserSessionParts,
): Result<Front, Refused> {
  const id = parseClientId(login.client_id);
  const client = id === undefined ? undefined : parts.clients.find(id);
  const objection = objectionTo(call, client);
  if (objection !== undefined) return err(refused('csrf_rejected', objection, { client }));
  const bridge = parts.logins.get(client?.login ?? '');
  const sources = parts.settings.login[client?.login ?? '']?.tenant;
  if (client?.browserSession !== true || bridge === undefined || sources === undefined)
    return err(
      refused('credential_invalid', 'the client is unknown, or has no browser sessions', { client }),
    );
  const tenant = tenantOfLogin(login.tenant, call, client, sources, parts);
  return tenant.ok ? ok({ client, bridge, tenant: tenant.value }) : tenant;
}

function describe(
  account: Account,
  jar: Jar,
  { client, bridge, tenant }: Front,
  call: EndpointCall,
  { settings: { sessions } }: BrowserSessionParts,
  isRemembered: boolean,
): NewSession {
  const { rememberMe } = sessions;
  return {
    kind: 'browser',
    login: bridge.name,
    subject: account.subject,
    user: account.user,
    tenant: tenant.id,
    tenants: membershipsFor(client, tenant.id, account),
    roles: account.roles,
    scopes: client.scopes,
    profile: account.profile,
    client: subjectOfClient(client.id),
    clientId: client.id,
    host: call.host,
    peer: call.peer,
    agent: (call.field('user-agent') ?? '').slice(0, AGENT_LENGTH),
    jar,
    lives: { ttl: sessions.ttl, absolute: sessions.absolute },
    ...(isRemembered && rememberMe !== undefined && { rotation: { idle: rememberMe, absolute: rememberMe } }),
    perUser: sessions.perUser,
  };
}

/** Proven memberships, as far as the client may act for them; the current one first. */
function membershipsFor(
  { tenants }: Client,
  current: TenantId,
  account: Account,
): readonly [TenantId, ...TenantId[]] {
  const others = account.tenants.filter(
    (id) => id !== current && (tenants === 'any' || tenants.includes(id)),
  );
  return [current, ...others];
}

/** The session that the browser had before: its id may be known to whoever planted it. */
async function endPresented(cookie: Secret | undefined, parts: BrowserSessionParts): Promise<void> {
  if (cookie === undefined) return;
  const found = await parts.sessions.openToEnd(cookie);
  if (found !== undefined) await endEntirely(found.session, found.jar, parts);
}
