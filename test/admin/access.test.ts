import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { aTenant } from '../contract/fixtures.ts';
import { ADMIN_TOKEN, type RunningAdmin, startAdmin, textOf } from './running-admin.ts';

let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(options: Parameters<typeof startAdmin>[0] = {}): Promise<RunningAdmin> {
  admin = await startAdmin({ configuredTenants: [aTenant('acme')], ...options });
  return admin;
}

const erp = { tenant: 'acme', name: 'ERP' };

test.each([
  ['no token', null],
  ['a wrong token', `${ADMIN_TOKEN.slice(0, -1)}X`],
  ['the begin of the token', ADMIN_TOKEN.slice(0, -1)],
])('%s is 401 on every resource, whether it is there or not, and changes nothing', async (_name, token) => {
  const { call, stores } = await start();
  for (const [method, target] of [
    ['GET', '/v1/keys'],
    ['POST', '/v1/keys'],
    ['DELETE', '/v1/tenants/acme'],
    ['GET', '/v1/audit'],
    ['GET', '/openapi.json'],
    ['GET', '/'],
  ] as const) {
    const answer = await call(method, target, { token, ...(method === 'POST' && { body: erp }) });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="gatehouse-admin"');
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  }
  expect(await stores.apiKeys.list({ limit: 1 })).toEqual([]);
});

test('wrong tokens of one peer end in 429 and in a bounded number of records; the right one still works', async () => {
  const { call, audited, travel } = await start();
  const statuses: number[] = [];
  for (let attempt = 0; attempt < 25; attempt += 1) {
    statuses.push((await call('GET', '/v1/keys', { token: `wrong-${attempt}` })).status);
  }
  expect(statuses).toEqual([...Array<number>(20).fill(401), ...Array<number>(5).fill(429)]);
  const locked = await call('GET', '/v1/keys', { token: 'wrong' });
  expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await call('GET', '/v1/keys')).toMatchObject({ status: 200 });
  const records = await audited('admin.authenticate', 20);
  expect(records[0]).toMatchObject({
    decision: 'denied',
    reason: 'wrong bearer token',
    peer: '127.0.0.1',
    path: '/v1/keys',
  });
  travel(60_000);
  expect(await call('GET', '/v1/keys', { token: 'wrong' })).toMatchObject({ status: 401 });
});

test('every change is audited with who and what: first the attempt, then what came of it', async () => {
  const { call, audited } = await start();
  const created = await call('POST', '/v1/keys', { body: erp });
  const id = textOf(created.json, 'id');
  const records = await audited('keys.create', 2);
  const common = {
    event: 'administration',
    subject: 'admin:alice',
    tenant: 'acme',
    method: 'POST',
    path: '/v1/keys',
  };
  expect(records).toMatchObject([
    { ...common, decision: 'attempted' },
    { ...common, decision: 'changed', credential: `key:${id}` },
  ]);
  expect(records[0]?.decisionId).toBe(records[1]?.decisionId);
});

test('a refused change is audited as denied, under the decision id of its answer', async () => {
  const { call, audited } = await start();
  const refused = await call('DELETE', '/v1/tenants/acme');
  expect(await audited('tenants.delete', 2)).toMatchObject([
    { decision: 'attempted', tenant: 'acme' },
    {
      decision: 'denied',
      decisionId: textOf(refused.json, 'decisionId'),
      reason: expect.stringContaining('configuration'),
    },
  ]);
});

test('no change is made that cannot be audited', async () => {
  const { call, stores } = await start({
    through: (stores) => ({
      ...stores,
      audit: {
        ...stores.audit,
        append: () => Promise.reject(new StoreUnavailable('disk full at /secret/path')),
      },
    }),
  });
  for (const [method, target, body] of [
    ['POST', '/v1/keys', erp],
    ['POST', '/v1/tenants', { id: 'globex' }],
    ['POST', '/v1/tenants/acme/suspend', {}],
    ['POST', '/v1/revocations', { target: { kind: 'tenant', tenant: 'acme' } }],
  ] as const) {
    const answer = await call(method, target, { body });
    expect(answer).toMatchObject({ status: 503 });
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.text).not.toContain('/secret/path');
  }
  expect(await stores.apiKeys.list({ limit: 1 })).toEqual([]);
  expect(await stores.tenants.list()).toEqual([]);
  expect(await stores.tenants.listSuspensions()).toEqual([]);
  expect(await stores.revocations.list(0)).toEqual([]);
});

test('a store that fails during a change is 503 and audited as failed', async () => {
  const { call, audited, logged } = await start({
    through: (stores) => ({
      ...stores,
      apiKeys: { ...stores.apiKeys, create: () => Promise.reject(new StoreUnavailable('disk full')) },
    }),
  });
  expect(await call('POST', '/v1/keys', { body: erp })).toMatchObject({ status: 503 });
  expect(await audited('keys.create', 2)).toMatchObject([{ decision: 'attempted' }, { decision: 'failed' }]);
  expect(logged()).toContain('disk full');
});

test('a defect is 500 and tells nothing of itself, and the next request is served', async () => {
  const { call } = await start({ reload: () => Promise.reject(new TypeError('cannot read /etc/gatehouse')) });
  const answer = await call('POST', '/v1/reload', { body: {} });
  expect(answer.status).toBe(500);
  expect(answer.text).not.toContain('/etc/gatehouse');
  expect(await call('GET', '/v1/status')).toMatchObject({ status: 200, json: { version: '0.1.0' } });
});

test.each([
  ['JSON that is cut off', '{"tenant":"acme","name":"s3cr3t', 400],
  ['no object', '"s3cr3t"', 422],
  ['more than the limit', `{"name":"${'s3cr3t'.repeat(20_000)}"}`, 413],
])('a body with %s is refused without repeating it', async (_name, body, status) => {
  const { call, logged } = await start();
  const answer = await call('POST', '/v1/keys', { body });
  expect(answer.status).toBe(status);
  expect(answer.text).not.toContain('s3cr3t');
  expect(logged()).not.toContain('s3cr3t');
});

test('a malformed target is 400 and is not echoed', async () => {
  const { url } = await start();
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    `GET /v1/keys/%zz-s3cr3t HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${ADMIN_TOKEN}\r\n\r\n`,
  );
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).not.toContain('s3cr3t');
});
