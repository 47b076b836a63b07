import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-login-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The login of an old client whose upstream is told of the tenant in body and key. */
const LEGACY = {
  upstream: 'orders',
  intercept: { route: 'POST /api/login', legacyClient: true, cookieName: 'auth' },
  tenant: ['host', 'body:/company', 'apiKey'],
  request: {
    path: '/api/login',
    json: { company: '{tenant.id}', user: '{username}', password: '{password}' },
    fields: { 'X-Api-Key': '{tenant.credentials.legacyKey}' },
  },
  success: { status: 200, present: '/user/id' },
  user: { id: '/user/id', name: '/user/name', roles: '/user/roles', profile: '/user' },
  membershipAuthority: 'own',
  keep: { cookies: ['ASP.NET_SessionId', 'auth'] },
  sessionLost: { status: 401, probe: 'GET /api/me' },
  logout: { request: 'POST /api/logout' },
};

/** Messages that are about logins, or `problem: …` for each problem. */
function messagesOf(login: object, credentials: object = { cookies: 'fromLogin' }): readonly string[] {
  const file = path.join(folder, 'gatehouse.yaml');
  writeFileSync(
    file,
    stringify({
      tenants: { acme: { hosts: ['acme.gw.test'], credentials: { legacyKey: '${env:KEY}' } } },
      login: { legacy: login },
      upstreams: { orders: { targets: ['http://orders:8080'], credentials } },
      routes: [{ id: 'all', match: { path: '/**' }, accept: ['session'], upstream: 'orders' }],
    }),
  );
  const loaded = loadConfig(file, { env: { KEY: 'k'.repeat(32) } });
  if (!loaded.ok) return loaded.problems.map((problem) => `problem: ${formatProblem(problem)}`);
  return loaded.warnings.map(({ path: place, message }) => `${place}: ${message}`);
}

test('the login of the old client, whose cookie keeps the name that it knows, has nothing to complain of', () => {
  expect(messagesOf(LEGACY)).toEqual([]);
});

test('a credential that a tenant lacks is told, since its users could not log in', () => {
  const fields = { 'X-Api-Key': '{tenant.credentials.other}' };
  expect(messagesOf({ ...LEGACY, request: { ...LEGACY.request, fields } })).toEqual([
    'tenants.acme.credentials.other: the login legacy wants this credential; logins to the tenant will be answered 503',
  ]);
});

test('what is kept and never sent is told', () => {
  expect(messagesOf(LEGACY, {})).toEqual([
    'login.legacy.keep: what is kept is never sent, since upstreams.orders.credentials has no "cookies: fromLogin"',
  ]);
  expect(messagesOf({ ...LEGACY, keep: {} }, {})).toEqual([]);
});
