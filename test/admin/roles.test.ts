import { afterEach, expect, test } from 'vitest';
import { aTenant } from '../contract/fixtures.ts';
import { ADMIN_TOKEN, OPERATOR_TOKEN, type RunningAdmin, startAdmin, VIEWER_TOKEN } from './running-admin.ts';

let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(): Promise<RunningAdmin> {
  admin = await startAdmin({ configuredTenants: [aTenant('acme')] });
  return admin;
}

const TOKENS = { viewer: VIEWER_TOKEN, operator: OPERATOR_TOKEN, admin: ADMIN_TOKEN } as const;

/** The least role of every route: a new one has to be given its place here. */
const LEAST: Readonly<Record<string, keyof typeof TOKENS>> = {
  'POST /v1/keys': 'operator',
  'POST /v1/keys/import': 'operator',
  'POST /v1/keys/import-batch': 'operator',
  'GET /v1/keys': 'viewer',
  'GET /v1/keys/:id': 'viewer',
  'POST /v1/keys/:id/rotate': 'operator',
  'POST /v1/keys/:id/revoke': 'operator',
  'POST /v1/tenants': 'operator',
  'GET /v1/tenants': 'viewer',
  'GET /v1/tenants/:id': 'viewer',
  'PATCH /v1/tenants/:id': 'operator',
  'POST /v1/tenants/:id/suspend': 'operator',
  'POST /v1/tenants/:id/resume': 'operator',
  'DELETE /v1/tenants/:id': 'operator',
  'POST /v1/clients': 'operator',
  'GET /v1/clients': 'viewer',
  'GET /v1/clients/:id': 'viewer',
  'PATCH /v1/clients/:id': 'operator',
  'POST /v1/clients/:id/secret': 'operator',
  'DELETE /v1/clients/:id': 'operator',
  'GET /v1/sessions': 'viewer',
  'GET /v1/sessions/:id': 'viewer',
  'DELETE /v1/sessions/:id': 'operator',
  'POST /v1/sessions/end': 'operator',
  'POST /v1/revocations': 'operator',
  'GET /v1/revocations': 'viewer',
  'DELETE /v1/revocations/:id': 'operator',
  'GET /v1/keyring': 'viewer',
  'POST /v1/keyring/rotate': 'admin',
  'POST /v1/keyring/reseal': 'admin',
  'POST /v1/reload': 'operator',
  'POST /v1/explain': 'operator',
  'GET /v1/status': 'viewer',
  'GET /v1/audit': 'viewer',
  'GET /v1/observations': 'viewer',
  'GET /v1/backup': 'admin',
  'POST /v1/restore': 'admin',
  'GET /openapi.json': 'viewer',
};

test('each route takes tokens of its role and of greater ones, and no others', async () => {
  const { call, routes } = await start();
  expect(new Set(routes())).toEqual(new Set(Object.keys(LEAST)));
  const roles = ['viewer', 'operator', 'admin'] as const;
  for (const [route, least] of Object.entries(LEAST)) {
    const [method = '', target = ''] = route.split(' ');
    for (const role of roles) {
      const { status, json } = await call(method, target.replace(':id', 'nobody'), { token: TOKENS[role] });
      if (roles.indexOf(role) >= roles.indexOf(least)) expect([route, role, status]).not.toContain(403);
      else {
        expect([route, role, status]).toEqual([route, role, 403]);
        expect(json).toMatchObject({ detail: `This needs a token of the role ${least}; yours is ${role}.` });
      }
    }
  }
});

test('a refusal for want of a role changes nothing, and is audited with who and what', async () => {
  const { call, audited, stores } = await start();
  const refused = await call('POST', '/v1/tenants/acme/suspend', { token: VIEWER_TOKEN, body: {} });
  expect(refused.status).toBe(403);
  expect(await stores.tenants.listSuspensions()).toEqual([]);
  expect(await audited('admin.authorize', 1)).toMatchObject([
    {
      decision: 'denied',
      subject: 'admin:victor',
      method: 'POST',
      path: '/v1/tenants/acme/suspend',
      reason: 'the role viewer does not suffice: operator is needed',
      decisionId: (refused.json as { readonly decisionId: string }).decisionId,
    },
  ]);
});

test('what is not there is 404 for every role', async () => {
  const { call } = await start();
  for (const token of Object.values(TOKENS))
    expect(await call('POST', '/v1/nothing', { token, body: {} })).toMatchObject({ status: 404 });
});
