import { afterEach, expect, test } from 'vitest';
import { aClient, anApiKey, aSession, aTenant } from '../contract/fixtures.ts';
import { type RunningAdmin, startAdmin, textOf } from './running-admin.ts';

let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(): Promise<RunningAdmin> {
  admin = await startAdmin({ configuredTenants: [aTenant('acme')] });
  return admin;
}

const digest = '0'.repeat(64);

test.each([
  [
    'a token by the name of its issuer',
    { kind: 'token', issuer: 'acme-login', jti: 'a:b/c' },
    'token:acme-login:a%3Ab%2Fc',
  ],
  [
    'a token by its iss',
    { kind: 'token', issuer: 'https://login.acme.example', jti: 'j' },
    'token:acme-login:j',
  ],
  ['a token by its digest', { kind: 'tokenDigest', digest }, `token-digest:${digest}`],
  ['a subject', { kind: 'subject', subject: 'user:acme-login:47:11' }, 'subject:user%3Aacme-login%3A47%3A11'],
  ['a client', { kind: 'client', client: 'client:acme-login:erp' }, 'client:client%3Aacme-login%3Aerp'],
  ['a user', { kind: 'subject', subject: 'user:main:acme:47:11' }, 'subject:user%3Amain%3Aacme%3A47%3A11'],
  ['a client of ours', { kind: 'client', client: 'client:web-app' }, 'client:client%3Aweb-app'],
  ['a legacy client', { kind: 'client', client: 'key:LEGACY00' }, 'client:key%3ALEGACY00'],
  ['a token of ours', { kind: 'token', issuer: 'gatehouse', jti: 'j' }, 'token:gatehouse:j'],
  ['a session', { kind: 'session', id: '0123456789ABCDEF' }, 'session:0123456789ABCDEF'],
  [
    'the sessions of a client',
    { kind: 'clientSessions', client: 'client:web-app' },
    'client-sessions:client%3Aweb-app',
  ],
  ['the sessions of a tenant', { kind: 'tenantSessions', tenant: 'acme' }, 'tenant-sessions:acme'],
  ['a tenant', { kind: 'tenant', tenant: 'acme' }, 'tenant:acme'],
])('%s is revoked, listed, and taken back by its id', async (_name, target, id) => {
  const { call, stores } = await start();
  await stores.clients.create(aClient('web-app', { isPublic: true, secrets: [] }));
  await stores.apiKeys.create(anApiKey('LEGACY00'));
  await stores.sessions.create(aSession('0123456789ABCDEF'), undefined);
  const body = {
    target,
    issuedBefore: '2026-01-02T03:04:05.006Z',
    expiresAt: '2999-01-01',
    reason: 'laptop lost',
  };
  const added = await call('POST', '/v1/revocations', { body });
  expect(added).toMatchObject({
    status: 201,
    json: {
      id,
      issuedBefore: '2026-01-02T03:04:05.006Z',
      expiresAt: '2999-01-01T00:00:00.000Z',
      revokedBy: 'admin:alice',
      reason: 'laptop lost',
    },
  });
  expect(await call('GET', '/v1/revocations')).toMatchObject({ json: { revocations: [added.json] } });
  const path = `/v1/revocations/${encodeURIComponent(textOf(added.json, 'id'))}`;
  expect(await call('DELETE', path)).toMatchObject({ status: 204 });
  expect(await call('GET', '/v1/revocations')).toMatchObject({ json: { revocations: [] } });
  expect(await call('DELETE', path)).toMatchObject({ status: 404 });
});

test.each([
  ['an unknown key', { kind: 'key', id: 'NOBODY00' }],
  ['an unknown tenant', { kind: 'tenant', tenant: 'acne' }],
  ['an unknown issuer', { kind: 'token', issuer: 'acne-login', jti: 'j' }],
  ['a subject without its issuer', { kind: 'subject', subject: '4711' }],
  ['a subject of an unknown issuer', { kind: 'subject', subject: 'user:acne-login:4711' }],
  ['a subject without an id', { kind: 'subject', subject: 'user:acme-login:' }],
  ['a client that is a user', { kind: 'client', client: 'user:acme-login:4711' }],
  ['a user of an unknown login', { kind: 'subject', subject: 'user:elsewhere:acme:4711' }],
  ['a session that is not there', { kind: 'session', id: '0123456789ABCDEF' }],
  ['a session id that is none', { kind: 'session', id: 'ghs_0123456789ABCDEF' }],
  ['a client that is not there', { kind: 'client', client: 'client:web-app' }],
  ['sessions of a client that is not there', { kind: 'clientSessions', client: 'client:web-app' }],
  ['a legacy client that is not there', { kind: 'client', client: 'key:NOBODY00' }],
  ['a key as a subject', { kind: 'subject', subject: 'key:NOBODY00' }],
  ['a digest that is not one', { kind: 'tokenDigest', digest: 'abc' }],
  ['a kind that is not known', { kind: 'everything' }],
])('%s is refused, since it would revoke nothing', async (_name, target) => {
  const { call } = await start();
  expect(await call('POST', '/v1/revocations', { body: { target } })).toMatchObject({ status: 422 });
  expect(await call('GET', '/v1/revocations')).toMatchObject({ json: { revocations: [] } });
});

test('a key revoked by an entry shows as revoked, and what was issued later does not', async () => {
  const { call, now, travel } = await start();
  const create = async () =>
    textOf((await call('POST', '/v1/keys', { body: { tenant: 'acme', name: 'k' } })).json, 'id');
  const early = await create();
  const issuedBefore = new Date(now()).toISOString();
  travel(1000);
  const late = await create();
  for (const id of [early, late]) {
    await call('POST', '/v1/revocations', { body: { target: { kind: 'key', id }, issuedBefore } });
  }
  expect(await call('GET', `/v1/keys/${early}`)).toMatchObject({ json: { state: 'revoked' } });
  expect(await call('GET', `/v1/keys/${late}`)).toMatchObject({ json: { state: 'active' } });
});

test('the entry of a session is forgotten a day after all that was given out for it has ended', async () => {
  const { call, stores } = await start();
  const session = aSession('0123456789ABCDEF');
  await stores.sessions.create(session, undefined);
  const body = { target: { kind: 'session', id: session.id } };
  const { json } = await call('POST', '/v1/revocations', { body });
  expect(json).toMatchObject({ expiresAt: new Date(session.absoluteEnd + 86_400_000).toISOString() });
});
