import pino from 'pino';
import { onTestFinished } from 'vitest';
import { Outage } from '../../src/base/outage.ts';
import { Secret } from '../../src/base/secret.ts';
import { configSchema } from '../../src/config/schema/config.ts';
import type { AttemptStore } from '../../src/limits/attempt-store.ts';
import type { LoginAttempt, LoginBridge, LoginOutcome } from '../../src/login/login-bridge.ts';
import { createLoginBridges } from '../../src/login/login-bridges.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { configuredTenants, type KnownTenant } from '../../src/tenants/tenant-directory.ts';
import { createPoolRegistry } from '../../src/upstream/pool-registry.ts';
import { createUpstreams } from '../../src/upstream/upstreams.ts';
import { createRecordedMetrics } from '../support/recorded-metrics.ts';

export const NOW = Date.parse('2027-01-01T00:00:00Z');

/** Of the demo's legacy API. */
export const LEGACY_LOGIN = {
  upstream: 'api',
  request: {
    path: '/api/login',
    json: { company: '{tenant.id}', user: '{username}', password: '{password}' },
    fields: { 'X-Api-Key': '{tenant.credentials.legacyKey}' },
  },
  success: { present: '/user/id' },
  user: { id: '/user/id', name: '/user/name', roles: '/user/roles', profile: '/user' },
  keep: { cookies: ['ASP.NET_SessionId', 'auth'] },
  sessionLost: { status: 401, probe: 'GET /api/me' },
  logout: { request: 'POST /api/logout' },
};

export interface LoginSceneOptions {
  /** URL of the upstream `api`. */
  readonly url: string;
  readonly login?: object;
  /** Changes of a second login block over the same upstream, `clients`. */
  readonly further?: object;
  readonly upstream?: object;
  readonly failedLogins?: object;
  readonly attempts?: AttemptStore;
}

export interface LoginScene {
  readonly bridge: LoginBridge;
  readonly logLines: readonly string[];
  tenant(id: string): KnownTenant;
  attempt(
    members?: Partial<Omit<LoginAttempt, 'password' | 'tenant'>> & { password?: string; tenant?: string },
  ): LoginAttempt;
  logIn(members?: Parameters<LoginScene['attempt']>[0]): Promise<LoginOutcome>;
  /** By the second block. */
  logInFurther(members?: Parameters<LoginScene['attempt']>[0]): Promise<LoginOutcome>;
}

/** A login block `staff` over one upstream, which ends with the test. */
export function loginScene(options: LoginSceneOptions): LoginScene {
  const settings = configSchema((value) => ({ ok: true, value })).parse({
    listen: {},
    tenants: {
      acme: { hosts: ['acme.gw.test'], credentials: { legacyKey: 'acme-legacy-4711' } },
      globex: { hosts: ['globex.gw.test'], credentials: { legacyKey: 'globex-legacy-0815' } },
      bare: {},
    },
    upstreams: { api: { targets: [options.url], ...options.upstream } },
    login: {
      staff: { ...LEGACY_LOGIN, ...options.login },
      clients: { ...LEGACY_LOGIN, ...options.further },
    },
    sessions: { failedLogins: options.failedLogins ?? {} },
    routes: [{ id: 'all', match: { path: '/**' }, accept: ['session'], upstream: 'api' }],
  });
  const logLines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void logLines.push(line) });
  const metrics = createRecordedMetrics();
  const pools = createPoolRegistry({ log, metrics });
  const upstreams = createUpstreams(settings.upstreams, settings.tenants, {
    pools,
    metrics,
    clock: () => NOW,
  });
  const stores = openEmbeddedStore({ path: ':memory:', clock: () => NOW });
  onTestFinished(async () => {
    upstreams.release();
    await pools.close(0);
    await stores.close();
  });
  const attempts = options.attempts ?? stores.attempts;
  const parts = { settings, upstreams: upstreams.byName, attempts, clock: () => NOW, log };
  const bridges = createLoginBridges(parts);
  const bridge = bridges.get('staff');
  const further = bridges.get('clients');
  if (bridge === undefined || further === undefined) throw new Error('no bridge');
  const tenants = configuredTenants(settings.tenants);
  function tenant(id: string): KnownTenant {
    const found = tenants.find((each) => each.id === id);
    if (found === undefined) throw new Error(`no tenant ${id}`);
    return found;
  }
  const attempt: LoginScene['attempt'] = ({
    password = 'acme-anna-pw',
    tenant: id = 'acme',
    ...members
  } = {}) => ({
    tenant: tenant(id),
    username: 'anna',
    password: new Secret(password),
    peer: '192.0.2.7',
    userAgent: 'Agent/1',
    origin: 'https://acme.gw.test',
    now: NOW,
    ...members,
  });
  return {
    bridge,
    logLines,
    tenant,
    attempt,
    logIn: (members) => bridge.logIn(attempt(members)),
    logInFurther: (members) => further.logIn(attempt(members)),
  };
}

export type Accepted = Extract<LoginOutcome, { readonly kind: 'accepted' }>;

export async function accepted(outcome: Promise<LoginOutcome>): Promise<Accepted> {
  const value = await outcome;
  if (value.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(value)}`);
  return value;
}

/** The outage that a promise rejects with. */
export async function outageOf(promise: Promise<unknown>): Promise<Outage> {
  const thrown: unknown = await promise.then(
    (value) => {
      throw new Error(`no outage: ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
  if (thrown instanceof Outage) return thrown;
  throw thrown;
}
