import { afterEach, expect, test } from 'vitest';
import { apiKeyId, aTenant } from '../contract/fixtures.ts';
import { createBarrier } from './barrier.ts';
import { OPERATOR_TOKEN, type RunningAdmin, startAdmin, textOf } from './running-admin.ts';

let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(options: Parameters<typeof startAdmin>[0] = {}): Promise<RunningAdmin> {
  admin = await startAdmin({ configuredTenants: [aTenant('acme')], ...options });
  return admin;
}

async function tagOf({ call }: RunningAdmin, target: string): Promise<string> {
  const etag = (await call('GET', target)).headers.get('etag');
  expect(etag).toMatch(/^"[\w-]{22}"$/);
  return etag ?? '';
}

const erp = { tenant: 'acme', name: 'ERP' };

test.each([
  ['PATCH', '/v1/tenants/globex', { name: 'Mine' }],
  ['POST', '/v1/tenants/globex/suspend', {}],
  ['DELETE', '/v1/tenants/globex', undefined],
])(
  '%s %s is refused with 412 after somebody else has changed the tenant, and done with its new tag',
  async (method, target, body) => {
    const running = await start();
    const { call } = running;
    await call('POST', '/v1/tenants', { body: { id: 'globex' } });
    const old = await tagOf(running, '/v1/tenants/globex');
    await call('PATCH', '/v1/tenants/globex', { body: { name: 'Theirs' } });
    expect(await call(method, target, { body, fields: { 'if-match': old } })).toMatchObject({
      status: 412,
      json: { detail: 'The tenant globex was changed meanwhile: look at it again.' },
    });
    expect(await call('GET', '/v1/tenants/globex')).toMatchObject({
      json: { name: 'Theirs', status: 'active' },
    });
    const fresh = await tagOf(running, '/v1/tenants/globex');
    const done = await call(method, target, { body, fields: { 'if-match': `"other", ${fresh}` } });
    expect(done.status).toBeLessThan(300);
  },
);

test.each([
  ['PATCH', '/v1/tenants/globex'],
  ['POST', '/v1/tenants/globex/suspend'],
])('of ten times %s %s with a tag that all found right, one is made', async (method, target) => {
  const barrier = createBarrier();
  const running = await start({
    through: (stores) => ({
      ...stores,
      tenants: { ...stores.tenants, list: () => barrier.pass(stores.tenants.list()) },
    }),
  });
  await running.call('POST', '/v1/tenants', { body: { id: 'globex' } });
  const etag = await tagOf(running, '/v1/tenants/globex');
  barrier.arm(10);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () =>
      running.call(method, target, { body: {}, fields: { 'if-match': etag } }),
    ),
  );
  const statuses = answers.map(({ status }) => status).toSorted((one, other) => one - other);
  expect(statuses).toEqual([200, ...Array<number>(9).fill(412)]);
});

test('the tag of an answer to a change is the one that the next look shows', async () => {
  const running = await start();
  const created = await running.call('POST', '/v1/tenants', { body: { id: 'globex' } });
  expect(created.headers.get('etag')).toBe(await tagOf(running, '/v1/tenants/globex'));
  const changed = await running.call('PATCH', '/v1/tenants/globex', { body: { name: 'Globex' } });
  expect(changed.headers.get('etag')).toBe(await tagOf(running, '/v1/tenants/globex'));
  expect(changed.headers.get('etag')).not.toBe(created.headers.get('etag'));
});

test('a key that was rotated or revoked meanwhile is 412; its use changes no tag', async () => {
  const running = await start();
  const { call, stores, now } = running;
  const id = textOf((await call('POST', '/v1/keys', { body: erp })).json, 'id');
  const old = await tagOf(running, `/v1/keys/${id}`);
  await stores.apiKeys.recordUses(new Map([[apiKeyId(id), now()]]));
  expect(await tagOf(running, `/v1/keys/${id}`)).toBe(old);
  const condition = { 'if-match': old };
  expect(
    await call('POST', `/v1/keys/${id}/rotate`, { body: { overlap: '1h' }, fields: condition }),
  ).toMatchObject({ status: 201 });
  for (const [verb, body] of [
    ['rotate', { overlap: '1h' }],
    ['revoke', {}],
  ] as const)
    expect(await call('POST', `/v1/keys/${id}/${verb}`, { body, fields: condition })).toMatchObject({
      status: 412,
    });
  expect(await stores.revocations.list(now())).toEqual([]);
  const any = { 'if-match': '*' };
  expect(await call('POST', `/v1/keys/${id}/revoke`, { body: {}, fields: any })).toMatchObject({
    status: 200,
  });
});

test('a weak tag matches nothing, and a condition on what is not there is 404', async () => {
  const running = await start();
  await running.call('POST', '/v1/tenants', { body: { id: 'globex' } });
  const weak = `W/${await tagOf(running, '/v1/tenants/globex')}`;
  const answer = (target: string, etag: string) =>
    running.call('PATCH', target, { body: { name: 'x' }, fields: { 'if-match': etag } });
  expect(await answer('/v1/tenants/globex', weak)).toMatchObject({ status: 412 });
  expect(await answer('/v1/tenants/nobody', '*')).toMatchObject({ status: 404 });
});

test('of ten creations under one Idempotency-Key at once, one makes a key and the others name it without the secret', async () => {
  const { call, stores } = await start();
  const fields = { 'idempotency-key': 'deploy-4711' };
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => call('POST', '/v1/keys', { body: erp, fields })),
  );
  const [made] = answers.filter(({ status }) => status === 201);
  const refused = answers.filter(({ status }) => status === 409);
  expect(refused).toHaveLength(9);
  const id = textOf(made?.json, 'id');
  for (const { json, text } of refused) {
    expect(json).toMatchObject({ existing: id, detail: expect.stringContaining(id) });
    expect(text).not.toContain(textOf(made?.json, 'key'));
  }
  expect(await stores.apiKeys.list({ limit: 10 })).toHaveLength(1);
});

test('an Idempotency-Key is its owner’s own, and serves one key', async () => {
  const { call } = await start();
  const fields = { 'idempotency-key': 'deploy-4711' };
  expect(await call('POST', '/v1/keys', { body: erp, fields })).toMatchObject({ status: 201 });
  expect(await call('POST', '/v1/keys', { body: { ...erp, name: 'CRM' }, fields })).toMatchObject({
    status: 422,
  });
  expect(await call('POST', '/v1/keys', { body: erp, fields, token: OPERATOR_TOKEN })).toMatchObject({
    status: 201,
  });
  const bad = { 'idempotency-key': 'two words' };
  expect(await call('POST', '/v1/keys', { body: erp, fields: bad })).toMatchObject({ status: 422 });
});
