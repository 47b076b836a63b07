import type { ReceivedRequest } from '../../demo/legacy-api/received.ts';
import { type LegacyApi, startLegacyApi } from '../../demo/legacy-api/server.ts';
import { type ConfigObject, startTestGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts';
import type { RawAnswer } from './raw-client.ts';
import { wire } from './wire.ts';

/** The demo's legacy API, unchanged, behind a gateway at which its users log in. */
export interface UsersScene {
  readonly gateway: TestGateway;
  readonly legacy: LegacyApi;
  /** Sends a request with a body, JSON unless it is text. */
  send(line: string, fields?: readonly string[], body?: unknown, host?: string): Promise<RawAnswer>;
  /** Logs a user of acme in as a browser; the value of the session cookie. */
  logIn(details?: ConfigObject, host?: string): Promise<string>;
  /** What the legacy API got last. */
  lastReceived(): ReceivedRequest;
  stop(): Promise<void>;
}

export const LEGACY_KEYS = { acme: 'acme-legacy-4711', globex: 'globex-legacy-0815' } as const;
/** Fields with which a page of the gateway's own origin shows that its request is meant. */
export const MEANT = ['Gatehouse-CSRF: 1', 'Sec-Fetch-Site: same-origin'] as const;
export const ANNA = { client_id: 'web-app', username: 'anna', password: 'acme-anna-pw' } as const;

/** Value of the cookie that an answer sets; fails if it sets none. */
export function cookieOf(answer: RawAnswer, name: string): string {
  const fields = answer.fields.filter(([field]) => field.toLowerCase() === 'set-cookie');
  const found = fields.map(([, value]) => value).find((value) => value.startsWith(`${name}=`));
  if (found === undefined) throw new Error(`no ${name} in ${answer.startLine} ${answer.body.toString()}`);
  return found.slice(name.length + 1).split(';', 1)[0] ?? '';
}

/** Configuration of the scene over these targets; `changes` replace whole members. */
export function usersConfig(target: string, changes: ConfigObject = {}): ConfigObject {
  return {
    tenantHosts: ['{tenant}.gw.test'],
    tenants: {
      acme: { credentials: { legacyKey: LEGACY_KEYS.acme } },
      globex: { credentials: { legacyKey: LEGACY_KEYS.globex } },
    },
    apiKeys: { pepper: 'a-pepper-of-at-least-thirty-two-bytes' },
    clients: {
      'web-app': {
        public: true,
        tenants: 'any',
        login: 'legacy',
        browserSession: true,
        scopes: ['orders:read'],
        origins: ['https://app.example.com'],
      },
      desktop: {
        public: true,
        tenants: 'any',
        login: 'legacy',
        grants: ['password', 'refresh_token'],
        scopes: ['orders:read'],
      },
    },
    login: {
      legacy: {
        upstream: 'legacy',
        intercept: {
          route: 'POST /api/login',
          legacyClient: true,
          cookieName: 'auth',
          logout: 'POST /api/logout',
        },
        tenant: ['host', 'parameter', 'apiKey', 'body:/company'],
        request: {
          path: '/api/login',
          json: { company: '{tenant.id}', user: '{username}', password: '{password}' },
          fields: { 'X-Api-Key': '{tenant.credentials.legacyKey}' },
        },
        success: { status: 200, present: '/user/id' },
        user: { id: '/user/id', name: '/user/name', roles: '/user/roles', profile: '/user' },
        keep: { cookies: ['ASP.NET_SessionId', 'auth'] },
        sessionLost: { status: 401, probe: 'GET /api/me' },
        logout: { request: 'POST /api/logout' },
      },
    },
    sessions: { rememberMe: '30d' },
    upstreams: {
      legacy: {
        targets: [target],
        identity: {
          fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{user.id}', 'X-User-Roles': '{roles}' },
        },
        credentials: { fields: { 'X-Api-Key': '{tenant.credentials.legacyKey}' }, cookies: 'fromLogin' },
      },
    },
    routes: [
      {
        id: 'me',
        match: { path: '/api/me' },
        accept: ['session', 'bearer', 'apiKey+session'],
        upstream: 'legacy',
      },
      {
        id: 'echo',
        match: { path: '/api/echo/**' },
        accept: ['session', 'bearer', 'ticket', 'apiKey+session'],
        upstream: 'legacy',
      },
      { id: 'status', match: { path: '/status' }, public: true, upstream: 'legacy' },
      {
        id: 'rest',
        match: { path: '/api/**' },
        accept: ['apiKey', 'session', 'apiKey+session'],
        upstream: 'legacy',
      },
    ],
    ...changes,
  };
}

export async function startUsersScene(
  changes: ConfigObject = {},
  options: TestGatewayOptions = {},
): Promise<UsersScene> {
  const legacy = await startLegacyApi({ port: 0 });
  const gateway = await startTestGateway(usersConfig(legacy.url, changes), options).catch(
    async (error: unknown) => {
      await legacy.close();
      throw error;
    },
  );

  function send(line: string, fields: readonly string[] = [], body?: unknown, host = 'acme.gw.test') {
    if (body === undefined) return gateway.raw(wire(line, fields, { host }));
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const hasType = fields.some((field) => /^content-type:/i.test(field));
    const framing = [
      ...(hasType ? [] : ['Content-Type: application/json']),
      `Content-Length: ${Buffer.byteLength(text)}`,
    ];
    return gateway.raw(
      wire(line, [...fields, ...framing], { host, body: Buffer.from(text).toString('latin1') }),
    );
  }

  return {
    gateway,
    legacy,
    send,
    async logIn(details = {}, host = 'acme.gw.test') {
      const answer = await send('POST /session', MEANT, { ...ANNA, ...details }, host);
      return cookieOf(answer, '__Host-gatehouse');
    },
    lastReceived() {
      const last = legacy.received().at(-1);
      if (last === undefined) throw new Error('the legacy API got nothing');
      return last;
    },
    async stop() {
      await gateway.stop();
      await legacy.close();
    },
  };
}
