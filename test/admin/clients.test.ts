import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { isSecretOf } from '../../src/clients/client-secret.ts';
import { aClient, aSession, aTenant, clientId, MINUTE } from '../contract/fixtures.ts';
import { type RunningAdmin, startAdmin, textOf, VIEWER_TOKEN } from './running-admin.ts';

const HOUR = 60 * MINUTE;

let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(): Promise<RunningAdmin> {
  admin = await startAdmin({
    configuredTenants: [aTenant('acme'), aTenant('globex')],
    configuredClients: [aClient('in-file', { origin: 'configured', createdAt: 0, revision: 0 })],
  });
  return admin;
}

const WORKER = { id: 'worker', tenants: ['acme'], grants: ['client_credentials'], scopes: ['orders:read'] };

async function create({ call }: RunningAdmin, body: object = WORKER): Promise<string> {
  return textOf((await call('POST', '/v1/clients', { body })).json, 'secret');
}

/** Whether the client of the store has this secret at this moment. */
async function isAccepted({ stores, now }: RunningAdmin, secret: string): Promise<boolean> {
  return isSecretOf(await stores.clients.find(clientId('worker')), new Secret(secret), now());
}

test('a client gets a secret that is shown once, and that the store has as a digest alone', async () => {
  const running = await start();
  const { call, stores } = running;
  const created = await call('POST', '/v1/clients', { body: { ...WORKER, name: 'Night run' } });
  expect(created).toMatchObject({
    status: 201,
    json: {
      id: 'worker',
      name: 'Night run',
      origin: 'stored',
      isInEffect: true,
      isPublic: false,
      secrets: [{}],
      grants: ['client_credentials'],
      scopes: ['orders:read'],
      tenants: ['acme'],
      browserSession: false,
      accessTokenFormat: 'opaque',
      revision: 1,
    },
  });
  const secret = textOf(created.json, 'secret');
  expect(secret).toMatch(/^ghc_[0-9A-Za-z]{43}$/);
  const digest = createHash('sha256').update(secret).digest('hex');
  expect(await stores.clients.find(clientId('worker'))).toMatchObject({ secrets: [{ hex: digest }] });
  expect(await isAccepted(running, secret)).toBe(true);
  const shown = await call('GET', '/v1/clients/worker', { token: VIEWER_TOKEN });
  const list = await call('GET', '/v1/clients', { token: VIEWER_TOKEN });
  expect(shown.headers.get('etag')).toBe(created.headers.get('etag'));
  for (const text of [shown.text, list.text]) {
    expect(text).toContain('Night run');
    expect(text).not.toContain(secret);
    expect(text).not.toContain(digest);
  }
});

test('a public client gets no secret, and cannot be given one', async () => {
  const { call } = await start();
  const body = {
    id: 'web-app',
    isPublic: true,
    tenants: 'any',
    login: 'main',
    browserSession: true,
    origins: ['https://app.example.com'],
    accessTokenFormat: 'jwt',
  };
  const created = await call('POST', '/v1/clients', { body });
  expect(created).toMatchObject({ status: 201, json: { ...body, secrets: [] } });
  expect(created.json).not.toHaveProperty('secret');
  const rotated = await call('POST', '/v1/clients/web-app/secret', { body: { overlap: '0s' } });
  expect(rotated).toMatchObject({ status: 409 });
});

test('a rotated secret and its successor are both accepted until the overlap ends', async () => {
  const running = await start();
  const old = await create(running);
  const rotated = await running.call('POST', '/v1/clients/worker/secret', { body: { overlap: '1h' } });
  expect(rotated).toMatchObject({ status: 201, json: { id: 'worker', revision: 2 } });
  const secret = textOf(rotated.json, 'secret');
  expect((rotated.json as { readonly secrets: unknown }).secrets).toEqual([
    {},
    { expiresAt: expect.stringMatching(/Z$/) },
  ]);
  expect([await isAccepted(running, old), await isAccepted(running, secret)]).toEqual([true, true]);
  running.travel(HOUR);
  expect([await isAccepted(running, old), await isAccepted(running, secret)]).toEqual([false, true]);
  expect(await running.call('GET', '/v1/clients/worker')).toMatchObject({ json: { secrets: [{}] } });
});

test('without an overlap the old secret is refused at once', async () => {
  const running = await start();
  const old = await create(running);
  const { json } = await running.call('POST', '/v1/clients/worker/secret', { body: { overlap: '0s' } });
  expect(await isAccepted(running, old)).toBe(false);
  expect(await isAccepted(running, textOf(json, 'secret'))).toBe(true);
});

test('a change keeps what it does not name, and null takes the login away', async () => {
  const running = await start();
  const { call } = running;
  await create(running, { ...WORKER, login: 'main' });
  const changed = await call('PATCH', '/v1/clients/worker', { body: { scopes: ['a', 'b'], login: null } });
  expect(changed).toMatchObject({
    status: 200,
    json: {
      id: 'worker',
      scopes: ['a', 'b'],
      grants: ['client_credentials'],
      tenants: ['acme'],
      revision: 2,
    },
  });
  expect(changed.json).not.toHaveProperty('login');
});

test('a change on condition is made only to what was looked at, and the end of an old secret is no change', async () => {
  const running = await start();
  const { call } = running;
  await create(running);
  await call('POST', '/v1/clients/worker/secret', { body: { overlap: '1h' } });
  const seen = (await call('GET', '/v1/clients/worker')).headers.get('etag') ?? '';
  running.travel(HOUR);
  const first = await call('PATCH', '/v1/clients/worker', {
    body: { name: 'one' },
    fields: { 'if-match': seen },
  });
  expect(first.status).toBe(200);
  const stale = { fields: { 'if-match': seen } };
  for (const [method, target, body] of [
    ['PATCH', '/v1/clients/worker', { name: 'two' }],
    ['POST', '/v1/clients/worker/secret', { overlap: '0s' }],
    ['DELETE', '/v1/clients/worker', undefined],
  ] as const)
    expect(await call(method, target, { ...stale, body })).toMatchObject({ status: 412 });
  expect(await call('GET', '/v1/clients/worker')).toMatchObject({ json: { name: 'one', revision: 3 } });
});

test('what came through a removed client ends with it, and nothing else', async () => {
  const running = await start();
  const { call, stores } = running;
  await create(running);
  const client = 'client:worker';
  await stores.sessions.create(aSession('0000000000000001', { client, clientId: 'worker' }), undefined);
  await stores.sessions.create(aSession('0000000000000002', { client: 'client:other' }), undefined);
  expect(await call('DELETE', '/v1/clients/worker')).toMatchObject({ status: 204 });
  expect(await call('GET', '/v1/clients/worker')).toMatchObject({ status: 404 });
  expect((await stores.sessions.list({ limit: 10 })).map((session) => session.client)).toEqual([
    'client:other',
  ]);
  const entries = await stores.revocations.list(running.now());
  expect(entries).toContainEqual(
    expect.objectContaining({ target: { kind: 'client', client }, issuedBefore: expect.any(Number) }),
  );
  const [, concluded] = await running.audited('clients.remove', 2);
  expect(concluded).toMatchObject({ decision: 'changed', credential: client, reason: '1 sessions' });
  expect(await call('DELETE', '/v1/clients/worker')).toMatchObject({ status: 404 });
});

test('a client of the configuration is shown, and is changed there alone', async () => {
  const { call } = await start();
  expect(await call('GET', '/v1/clients')).toMatchObject({
    json: { clients: [{ id: 'in-file', origin: 'configured', isInEffect: true, secrets: [{}] }] },
  });
  for (const [method, target, body] of [
    ['POST', '/v1/clients', { ...WORKER, id: 'in-file' }],
    ['PATCH', '/v1/clients/in-file', { name: 'x' }],
    ['POST', '/v1/clients/in-file/secret', { overlap: '0s' }],
    ['DELETE', '/v1/clients/in-file', undefined],
  ] as const)
    expect(await call(method, target, { body })).toMatchObject({ status: 409 });
});

test.each([
  ['an id that is taken', WORKER, 409],
  ['an id that is none', { ...WORKER, id: 'night run' }, 422],
  ['a secret as the id', { ...WORKER, id: `ghc_${'hunter2'.repeat(6)}x` }, 422],
  ['an unknown tenant', { ...WORKER, id: 'x', tenants: ['acne'] }, 422],
  ['no tenant', { ...WORKER, id: 'x', tenants: [] }, 422],
  ['an unknown login', { ...WORKER, id: 'x', login: 'mian' }, 422],
  ['an unknown grant', { ...WORKER, id: 'x', grants: ['implicit'] }, 422],
  ['a public client that acts for itself', { ...WORKER, id: 'x', isPublic: true }, 422],
  ['browser sessions without a login', { ...WORKER, id: 'x', browserSession: true }, 422],
  ['an origin that is none', { ...WORKER, id: 'x', origins: ['app.example.com'] }, 422],
  ['a secret of its own', { ...WORKER, id: 'x', secret: 'hunter2-hunter2' }, 422],
])('%s is refused, and nothing is made', async (_name, body, status) => {
  const running = await start();
  await create(running);
  const refused = await running.call('POST', '/v1/clients', { body });
  expect(refused.status).toBe(status);
  expect(refused.text).not.toContain('hunter2');
  expect(await running.stores.clients.list()).toHaveLength(1);
});

/** L01: an insider with access to logs, audit stream or metrics finds no secret of a client there. */
test('L01: the secrets of a client are in the answers that make them, and nowhere else', async () => {
  const running = await start();
  const { call } = running;
  const first = await create(running);
  const rotated = await call('POST', '/v1/clients/worker/secret', { body: { overlap: '1h' } });
  const secrets = [first, textOf(rotated.json, 'secret')];
  const answers: string[] = [];
  for (const secret of secrets) {
    answers.push((await call('GET', `/v1/clients/${secret}`)).text);
    answers.push((await call('GET', `/v1/sessions?client=${secret}`)).text);
    answers.push((await call('POST', '/v1/clients', { body: { ...WORKER, id: 'x', secret } })).text);
    answers.push((await call('GET', '/v1/clients', { token: secret })).text);
  }
  for (const target of ['/v1/clients', '/v1/clients/worker', '/v1/backup', '/v1/status', '/v1/revocations'])
    answers.push((await call('GET', target)).text);
  await running.audited('clients.create', 2);
  await running.audited('clients.secret', 2);
  await running.audited('admin.authenticate', 2);
  answers.push((await call('GET', '/v1/audit?limit=1000')).text);
  const written = [running.logged(), await running.metrics(), ...answers].join('\n');
  expect(written).toContain('clients.secret');
  for (const secret of secrets) expect(written).not.toContain(secret);
});
