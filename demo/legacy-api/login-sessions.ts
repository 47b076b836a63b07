/** The API's own cookie login. A session needs both of its cookies, as grown systems do. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { answerJson, refuse } from './answer.ts';
import { readJson } from './body.ts';
import type { Call, Route } from './route.ts';
import { findUser, type Tenant, tenantOf, type UserProfile } from './tenants.ts';

const SESSION_COOKIE = 'ASP.NET_SessionId';
const AUTH_COOKIE = 'auth';
const KEPT_SESSIONS = 1000;

interface LoginSession {
  readonly id: string;
  readonly auth: string;
  readonly tenantId: string;
  readonly user: UserProfile;
}

/** The first cookie of a name wins. */
function cookieOf(request: IncomingMessage, name: string): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

export function loginRoutes(): readonly Route[] {
  const sessions = new Map<string, LoginSession>();

  function begin(tenantId: string, user: UserProfile): LoginSession {
    const session = {
      id: randomBytes(12).toString('hex'),
      auth: randomBytes(32).toString('hex').toUpperCase(),
      tenantId,
      user,
    };
    sessions.set(session.id, session);
    const [oldest] = sessions.keys();
    if (sessions.size > KEPT_SESSIONS && oldest !== undefined) sessions.delete(oldest);
    return session;
  }

  /** `undefined` = a cookie is missing, unknown or of another session, or the request's key is not of the session's tenant. */
  function current(request: IncomingMessage): LoginSession | undefined {
    const session = sessions.get(cookieOf(request, SESSION_COOKIE) ?? '');
    if (session === undefined || cookieOf(request, AUTH_COOKIE) !== session.auth) return undefined;
    if ('x-api-key' in request.headers && tenantOf(request)?.id !== session.tenantId) return undefined;
    return session;
  }

  async function logIn(call: Call, tenant: Tenant): Promise<void> {
    const body = await readJson(call.request);
    if (body.kind !== 'json') return refuse(call.response, 400, 4000, 'Login is not JSON');
    const user = findUser(tenant, member(body.value, 'user'), member(body.value, 'password'));
    if (user === undefined || member(body.value, 'company') !== tenant.id) {
      return refuse(call.response, 401, 4012, 'Login failed');
    }
    const session = begin(tenant.id, user);
    answerJson(call.response, 200, JSON.stringify({ user }), {
      'Set-Cookie': [
        `${SESSION_COOKIE}=${session.id}; path=/; HttpOnly; SameSite=Lax`,
        `${AUTH_COOKIE}=${session.auth}; path=/; HttpOnly`,
      ],
    });
  }

  function showMe(call: Call): void {
    const session = current(call.request);
    if (session === undefined) refuse(call.response, 401, 4013, 'Not logged in');
    else answerJson(call.response, 200, JSON.stringify({ user: session.user }));
  }

  function logOut(call: Call): void {
    const session = current(call.request);
    if (session === undefined) return refuse(call.response, 401, 4013, 'Not logged in');
    sessions.delete(session.id);
    const expired = 'path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly';
    answerJson(call.response, 200, '{"Success":true}', {
      'Set-Cookie': [`${SESSION_COOKIE}=; ${expired}`, `${AUTH_COOKIE}=; ${expired}`],
    });
  }

  return [
    { kind: 'tenant', path: /^\/api\/login$/, handlers: { POST: logIn } },
    { kind: 'public', path: /^\/api\/me$/, handlers: { GET: showMe } },
    { kind: 'public', path: /^\/api\/logout$/, handlers: { POST: logOut } },
  ];
}
