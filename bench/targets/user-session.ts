import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { encryptionKeyOf } from '../../src/keys/encryption-key.ts';
import type { KeptCookie } from '../../src/sessions/jar.ts';
import type { NewSession } from '../../src/sessions/session-service.ts';
import type { TenantId } from '../../src/tenants/tenant.ts';

const DAY_MILLISECONDS = 86_400_000;

/** A configuration in which users of one upstream have sessions; the rest is the caller's. */
export const USERS_CONFIG = {
  clients: {
    'web-app': {
      public: true,
      tenants: 'any',
      login: 'legacy',
      browserSession: true,
      scopes: ['orders:read'],
    },
  },
  login: {
    legacy: {
      upstream: 'api',
      request: { path: '/api/login', json: { user: '{username}', password: '{password}' } },
      success: { present: '/user/id' },
      user: { id: '/user/id', name: '/user/name', roles: '/user/roles', profile: '/user' },
      keep: { cookies: ['ASP.NET_SessionId', 'auth'] },
    },
  },
} as const;

/** The session cookie under its name. */
export const SESSION_COOKIE = '__Host-gatehouse';

function kept(name: string, bytes: number): KeptCookie {
  return { upstream: 'api', name, value: randomBytes(bytes).toString('hex'), path: '/', version: 1 };
}

/** A login as that of a grown API: some profile, and two cookies. `serial` tells users apart. */
export function loginOf(serial: number, tenant: TenantId, host: string): NewSession {
  return {
    kind: 'browser',
    login: 'legacy',
    subject: `user:legacy:${tenant}:${serial}`,
    user: { id: String(serial), name: 'Anna Ackermann' },
    tenant,
    tenants: [tenant],
    roles: ['clerk', 'auditor'],
    scopes: ['orders:read'],
    profile: { id: serial, name: 'Anna Ackermann', costCentre: '4711', language: 'de-AT' },
    client: 'client:web-app',
    clientId: 'web-app',
    host,
    peer: '192.0.2.17',
    agent:
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    jar: { cookies: [kept('ASP.NET_SessionId', 12), kept('auth', 32)], fields: [] },
    lives: { ttl: DAY_MILLISECONDS, absolute: DAY_MILLISECONDS },
    perUser: 10_000,
  };
}

const KEY_BYTES = randomBytes(32);

/** The key that seals in this run, as the configuration has it and as the product reads it. All replicas on one store share it. */
export const BENCH_KEY = {
  setting: { id: 'bench', key: KEY_BYTES.toString('hex') },
  keys: [{ ...encryptionKeyOf('bench', KEY_BYTES), id: 'bench' }],
} as const;

export const SILENT = pino({ level: 'silent' });
