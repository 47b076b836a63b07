import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { startLegacyApi } from '../../demo/legacy-api/server.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import type { RevocationTarget } from '../../src/revocation/revocation.ts';
import { createBrowserSessions } from '../../src/session-endpoints/browser-sessions.ts';
import type { SessionService } from '../../src/sessions/session-service.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { DAY } from '../sessions/rotation-options.ts';
import type { SessionScene } from '../sessions/scene.ts';
import { eventually, tenant } from '../support/authentication.ts';
import type { ConfigObject } from '../support/gateway.ts';
import { openServices } from './services.ts';

export const APP_ORIGIN = 'https://app.acme.test';

/** The legacy API of the demo behind login blocks that keep nothing, keep cookies, and can switch them, with a client for each. */
export function loginConfig(legacyUrl: string): ConfigObject {
  const login = {
    upstream: 'legacy',
    request: {
      path: '/api/login',
      json: { user: '{username}', password: '{password}', company: '{tenant.id}' },
      fields: { 'X-Api-Key': '{tenant.credentials.legacyKey}' },
    },
    success: { present: '/user/id' },
    user: { id: '/user/id', name: '/user/name', roles: '/user/roles', tenants: '/user/companies' },
    membershipAuthority: 'shared',
    logout: { request: 'POST /api/logout' },
  };
  const keep = { cookies: ['ASP.NET_SessionId', 'auth'] };
  const client = { public: true, tenants: 'any', browserSession: true, scopes: ['orders:read'] };
  return {
    publicUrl: 'https://gw.test',
    tenants: {
      acme: { hosts: ['acme.gw.test'], credentials: { legacyKey: 'acme-legacy-4711' } },
      globex: { hosts: ['globex.gw.test'], credentials: { legacyKey: 'globex-legacy-0815' } },
    },
    login: {
      team: login,
      kept: { ...login, keep },
      // Whatever it answers, it has switched.
      switching: { ...login, keep, switchTenant: { request: 'GET /api/me' } },
    },
    clients: {
      web: { ...client, login: 'team', origins: [APP_ORIGIN] },
      kept: { ...client, login: 'kept', origins: ['https://kept.acme.test'] },
      switching: { ...client, login: 'switching' },
      'acme-only': { ...client, login: 'team', tenants: ['acme'] },
      cli: { public: true, tenants: 'any', login: 'team', grants: ['password'] },
    },
    sessions: { rememberMe: '30d', failedLogins: { perUser: '5/h', perPeer: '50/h' } },
    upstreams: { legacy: { targets: [legacyUrl] } },
    routes: [{ id: 'all', match: { path: '/**' }, accept: ['session'], upstream: 'legacy' }],
  };
}

export interface BrowserScene {
  readonly sessions: SessionService;
  readonly stores: Stores;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** What the legacy API has received, as `METHOD path`. */
  legacyReceived(): readonly string[];
  stopLegacy(): Promise<void>;
  /** Resolves when the endpoints know of it. */
  suspend(id: string): Promise<void>;
  revoke(target: RevocationTarget): Promise<void>;
  /** Milliseconds since the epoch, of calls and of the services. */
  now(): number;
  travel(milliseconds: number): void;
  close(): Promise<void>;
}

/** The endpoints on everything that they stand on in the gateway, over a store of the suite. */
export async function openBrowserScene(
  scene: SessionScene,
  // Tests travel in time, which looks as if the store had been silent.
  maxLag = 1000 * DAY,
): Promise<BrowserScene> {
  const legacy = await startLegacyApi({ port: 0 });
  let isLegacyUp = true;
  const stopLegacy = async () => {
    if (isLegacyUp) await legacy.close();
    isLegacyUp = false;
  };
  const settings = readSettings(loginConfig(legacy.url));
  const services = await openServices(scene, settings);
  const { stores, sessions, tokens, clients, tenants, revocations, authentication, logins, clock } = services;
  const endpoints = createBrowserSessions({
    settings: { ...settings, store: { maxLag } },
    clients,
    sessions,
    tokens,
    logins,
    tenants,
    revocations,
    authentication,
  });
  return {
    sessions,
    stores,
    endpoints,
    legacyReceived: () => legacy.received().map(({ method, target }) => `${method} ${target}`),
    stopLegacy,
    async suspend(id) {
      await stores.tenants.setSuspension(tenant(id), true, clock());
      await eventually(() => tenants.find(tenant(id))?.status === 'suspended', 'the suspension');
    },
    async revoke(target) {
      const before = revocations.size;
      await stores.revocations.add({ target, revokedAt: clock(), revokedBy: 'test' });
      await eventually(() => revocations.size > before, 'the revocation');
    },
    now: clock,
    travel(milliseconds) {
      scene.clock += milliseconds;
    },
    async close() {
      await services.close();
      await stopLegacy();
    },
  };
}

function readSettings(config: ConfigObject) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-browser-'));
  try {
    const file = path.join(folder, 'gatehouse.yaml');
    writeFileSync(file, stringify(config));
    const loaded = loadConfig(file, { env: {} });
    if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
    return loaded.settings;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
