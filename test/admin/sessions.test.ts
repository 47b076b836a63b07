import { afterEach, expect, test } from 'vitest';
import { revocationIdOf } from '../../src/revocation/revocation.ts';
import { EMPTY_JAR } from '../../src/sessions/jar.ts';
import type { Session } from '../../src/sessions/session.ts';
import { principalOfSession } from '../../src/sessions/session-principal.ts';
import { aClient, anApiKey, aSession, aTenant, MINUTE, tenantId } from '../contract/fixtures.ts';
import { type RunningAdmin, startAdmin, VIEWER_TOKEN } from './running-admin.ts';

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(): Promise<RunningAdmin> {
  admin = await startAdmin({ configuredTenants: [aTenant('acme'), aTenant('globex')] });
  await admin.stores.clients.create(aClient('web-app', { isPublic: true, secrets: [] }));
  return admin;
}

/** A session that begins now, of the user 4711 of acme, through the web app. */
async function begin(
  { stores, now }: RunningAdmin,
  number: number,
  members: Partial<Session> = {},
): Promise<Session> {
  const authenticatedAt = now();
  const session = aSession(idOf(number), {
    subject: 'user:main:acme:4711',
    user: { id: '4711', name: 'Zoë' },
    client: 'client:web-app',
    clientId: 'web-app',
    authenticatedAt,
    expiresAt: authenticatedAt + HOUR / 2,
    absoluteEnd: authenticatedAt + 12 * HOUR,
    ...members,
  });
  await stores.sessions.create(session, { sealed: 'the-sealed-jar', revision: 1 });
  return session;
}

function idOf(number: number): string {
  return number.toString().padStart(16, '0');
}

async function listed({ call }: RunningAdmin, query = ''): Promise<readonly string[]> {
  const { json } = await call('GET', `/v1/sessions${query}`);
  return (json as { readonly sessions: readonly Session[] }).sessions.map(({ id }) => id);
}

/** Ids under which a session is refused, of those that the revocation list has. */
async function refusals({ stores, now }: RunningAdmin, session: Session): Promise<readonly string[]> {
  const { revocationIds, issuedAt } = principalOfSession(
    { session, jar: EMPTY_JAR, jarRevision: 0 },
    { kind: 'cookie', origins: new Set() },
  );
  const entries = await stores.revocations.list(now());
  return entries
    .filter(({ issuedBefore }) => issuedBefore === undefined || (issuedAt ?? 0) <= issuedBefore)
    .map(({ target }) => revocationIdOf(target))
    .filter((id) => revocationIds.includes(id));
}

test('a session is shown with who, where and until when, and without anything that could be presented', async () => {
  const running = await start();
  const digests = { cookie: 'c0'.repeat(32), family: 'fa'.repeat(32), current: 'cc'.repeat(32) };
  const session = await begin(running, 1, {
    roles: ['clerk'],
    profile: { iban: 'DE02 1203' },
    cookieDigest: digests.cookie,
    rotation: {
      familyDigest: digests.family,
      currentDigest: digests.current,
      previous: { digest: 'dd'.repeat(32), rotatedAt: running.now(), sealedAnswer: 'the-sealed-answer' },
      idleEnd: running.now() + 14 * DAY,
      absoluteEnd: running.now() + 90 * DAY,
    },
  });
  const shown = await running.call('GET', `/v1/sessions/${session.id}`, { token: VIEWER_TOKEN });
  expect(shown).toMatchObject({ status: 200 });
  expect(shown.json).toEqual({
    id: session.id,
    kind: session.kind,
    login: session.login,
    subject: 'user:main:acme:4711',
    user: { id: '4711', name: 'Zoë' },
    tenant: 'acme',
    tenants: session.tenants,
    roles: ['clerk'],
    scopes: session.scopes,
    client: 'client:web-app',
    host: session.host,
    peer: session.peer,
    agent: session.agent,
    authenticatedAt: new Date(session.authenticatedAt).toISOString(),
    expiresAt: new Date(session.expiresAt).toISOString(),
    absoluteEnd: new Date(session.absoluteEnd).toISOString(),
    refreshableUntil: new Date(session.rotation?.idleEnd ?? 0).toISOString(),
  });
  const list = await running.call('GET', '/v1/sessions');
  expect(list.json).toEqual({ sessions: [shown.json] });
  for (const secret of [...Object.values(digests), 'dd'.repeat(32), 'sealed', 'DE02'])
    expect(shown.text + list.text).not.toContain(secret);
});

test('sessions are found by subject, user, login, client and current tenant, page by page', async () => {
  const running = await start();
  await begin(running, 1);
  await begin(running, 2, { tenant: tenantId('globex'), tenants: [tenantId('globex')] });
  await begin(running, 3, { login: 'other', subject: 'user:other:acme:4711' });
  await begin(running, 4, { subject: 'user:main:acme:12', user: { id: '12' }, client: 'key:LEGACY00' });
  expect(await listed(running)).toEqual([1, 2, 3, 4].map(idOf));
  expect(await listed(running, '?subject=user:main:acme:12')).toEqual([idOf(4)]);
  expect(await listed(running, '?user=4711')).toEqual([1, 2, 3].map(idOf));
  expect(await listed(running, '?user=4711&login=other')).toEqual([idOf(3)]);
  expect(await listed(running, '?client=key:LEGACY00')).toEqual([idOf(4)]);
  expect(await listed(running, '?tenant=globex')).toEqual([idOf(2)]);
  expect(await listed(running, '?tenant=globex&user=12')).toEqual([]);
  const first = await running.call('GET', '/v1/sessions?user=4711&limit=2');
  expect(first).toMatchObject({ json: { next: idOf(2) } });
  expect(await listed(running, `?user=4711&limit=2&after=${idOf(2)}`)).toEqual([idOf(3)]);
  expect(await running.call('GET', '/v1/sessions?who=me')).toMatchObject({ status: 422 });
});

test('a session that has ended by its own time is shown no more, one that can be refreshed is', async () => {
  const running = await start();
  const over = await begin(running, 1);
  const refreshable = await begin(running, 2, {
    rotation: {
      familyDigest: 'fa'.repeat(32),
      currentDigest: 'cc'.repeat(32),
      idleEnd: running.now() + 14 * DAY,
      absoluteEnd: running.now() + 90 * DAY,
    },
  });
  running.travel(12 * HOUR);
  expect(await listed(running)).toEqual([refreshable.id]);
  expect(await running.call('GET', `/v1/sessions/${over.id}`)).toMatchObject({ status: 404 });
});

test('a session that is ended is refused from then on and gone, and the others stay', async () => {
  const running = await start();
  const session = await begin(running, 1);
  const other = await begin(running, 2);
  expect(await running.call('DELETE', `/v1/sessions/${session.id}`)).toMatchObject({ status: 204 });
  expect(await refusals(running, session)).toEqual([`session:${session.id}`]);
  expect(await refusals(running, other)).toEqual([]);
  expect(await listed(running)).toEqual([other.id]);
  expect(await running.stores.revocations.list(running.now())).toMatchObject([
    { revokedBy: 'admin:alice', expiresAt: session.absoluteEnd + DAY },
  ]);
  expect(await running.audited('sessions.end', 2)).toMatchObject([
    { decision: 'attempted', subject: 'admin:alice', credential: `session:${session.id}` },
    { decision: 'changed', tenant: 'acme', reason: 'user:main:acme:4711' },
  ]);
  expect(await running.call('DELETE', `/v1/sessions/${session.id}`)).toMatchObject({ status: 404 });
});

const OWNERS: readonly [string, object, string, Partial<Session>][] = [
  [
    'a user',
    { subject: 'user:main:acme:4711' },
    'subject:user%3Amain%3Aacme%3A4711',
    { subject: 'user:main:acme:12', user: { id: '12' } },
  ],
  [
    'a client',
    { client: 'client:web-app' },
    'client-sessions:client%3Aweb-app',
    { client: 'client:other', clientId: 'other' },
  ],
  ['a tenant', { tenant: 'acme' }, 'tenant-sessions:acme', { tenant: tenantId('globex') }],
];

test.each(OWNERS)(
  'all sessions of %s end at once, others stay, and a new login passes',
  async (_name, owner, entry, elsewhere) => {
    const running = await start();
    const sessions = [await begin(running, 1), await begin(running, 2)];
    const other = await begin(running, 3, elsewhere);
    const body = { ...owner, reason: 'phone lost' };
    const answer = await running.call('POST', '/v1/sessions/end', { body });
    expect(answer).toMatchObject({
      status: 200,
      json: { ended: 2, revocation: { id: entry, reason: 'phone lost' } },
    });
    expect(answer.json).not.toHaveProperty('next');
    for (const session of sessions) expect(await refusals(running, session)).toEqual([entry]);
    expect(await refusals(running, other)).toEqual([]);
    expect(await listed(running)).toEqual([other.id]);
    running.travel(1);
    const later = await begin(running, 4);
    expect(await refusals(running, later)).toEqual([]);
    const [, concluded] = await running.audited('sessions.endAll', 2);
    expect(concluded).toMatchObject({ decision: 'changed', reason: '2 sessions: phone lost' });
  },
);

test('ending the sessions of a tenant or a legacy client takes no API key back', async () => {
  const running = await start();
  await running.stores.apiKeys.create(anApiKey('LEGACY00'));
  const session = await begin(running, 1, { client: 'key:LEGACY00' });
  for (const body of [{ tenant: 'acme' }, { client: 'key:LEGACY00' }])
    expect(await running.call('POST', '/v1/sessions/end', { body })).toMatchObject({ status: 200 });
  const keyIds = ['key:LEGACY00', 'subject:key%3ALEGACY00', 'client:key%3ALEGACY00', 'tenant:acme'];
  const entries = await running.stores.revocations.list(running.now());
  const ids = entries.map(({ target }) => revocationIdOf(target) as string);
  expect(ids.filter((id) => keyIds.includes(id))).toEqual([]);
  expect(await refusals(running, session)).toHaveLength(2);
});

test('with a time, logins after it stay; a time to come counts as now', async () => {
  const running = await start();
  const early = await begin(running, 1);
  running.travel(HOUR);
  const late = await begin(running, 2);
  const issuedBefore = new Date(early.authenticatedAt).toISOString();
  const body = { tenant: 'acme', issuedBefore };
  expect(await running.call('POST', '/v1/sessions/end', { body })).toMatchObject({
    json: { ended: 1, issuedBefore },
  });
  expect(await refusals(running, late)).toEqual([]);
  expect(await listed(running)).toEqual([late.id]);
  await running.call('POST', '/v1/sessions/end', { body: { tenant: 'acme', issuedBefore: '2999-01-01' } });
  expect(await refusals(running, late)).toEqual(['tenant-sessions:acme']);
  running.travel(1);
  expect(await refusals(running, await begin(running, 3))).toEqual([]);
});

test('an entry outlives every session that it refuses, however long that was made to live', async () => {
  const running = await start();
  const session = await begin(running, 1, { absoluteEnd: running.now() + 400 * DAY });
  await running.call('POST', '/v1/sessions/end', { body: { subject: session.subject } });
  const [entry] = await running.stores.revocations.list(running.now());
  expect(entry?.expiresAt).toBe(session.absoluteEnd + DAY);
});

test('sessions are refused before the first of them is ended, so that a store that fails half-way leaves none open', async () => {
  const order: string[] = [];
  admin = await startAdmin({
    configuredTenants: [aTenant('acme')],
    through: (stores) => ({
      ...stores,
      revocations: {
        ...stores.revocations,
        add: (revocation) => {
          order.push('refused');
          return stores.revocations.add(revocation);
        },
      },
      sessions: {
        ...stores.sessions,
        end: () => {
          order.push('ended');
          return Promise.reject(new Error('the disk is full'));
        },
      },
    }),
  });
  const session = await begin(admin, 1);
  const single = await admin.call('DELETE', `/v1/sessions/${session.id}`);
  const all = await admin.call('POST', '/v1/sessions/end', { body: { tenant: 'acme' } });
  expect([single.status, all.status]).toEqual([500, 500]);
  expect(order).toEqual(['refused', 'ended', 'refused', 'ended']);
  expect(await refusals(admin, session)).toHaveLength(2);
});

test.each([
  ['nothing', {}],
  ['two owners', { tenant: 'acme', client: 'client:web-app' }],
  ['an unknown tenant', { tenant: 'acne' }],
  ['an unknown client', { client: 'client:web-ap' }],
  ['a user of an unknown login', { subject: 'user:mian:acme:4711' }],
  ['a client as a user', { subject: 'client:web-app' }],
])('%s is refused, since nothing would end', async (_name, body) => {
  const running = await start();
  await begin(running, 1);
  expect(await running.call('POST', '/v1/sessions/end', { body })).toMatchObject({ status: 422 });
  expect(await running.stores.revocations.list(running.now())).toEqual([]);
  expect(await listed(running)).toEqual([idOf(1)]);
});
