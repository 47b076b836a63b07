import { inspect } from 'node:util';
import pino from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EpochMilliseconds } from '../../src/base/clock.ts';
import type { Refusal } from '../../src/base/refusal.ts';
import type { Result } from '../../src/base/result.ts';
import { type Client, subjectOfClient } from '../../src/clients/client.ts';
import type { ClientDescription } from '../../src/clients/client-change.ts';
import { isSecretOf, MOST_SECRETS } from '../../src/clients/client-secret.ts';
import { type ClientService, createClientService } from '../../src/clients/client-service.ts';
import type { Principal } from '../../src/principals/principal.ts';
import { revocationIdOf } from '../../src/revocation/revocation.ts';
import { createRevocationList } from '../../src/revocation/revocation-list.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { aClient, clientId, MINUTE, NOW, tenantId } from '../contract/fixtures.ts';
import { race, recordChanges } from '../contract/store-adapter.ts';

const erp = clientId('erp');
const acme = tenantId('acme');

const DESCRIPTION: ClientDescription = {
  id: erp,
  name: 'ERP of Acme',
  isPublic: false,
  grants: ['client_credentials'],
  scopes: ['orders:read'],
  tenants: [acme],
  browserSession: false,
  origins: [],
};

let now: EpochMilliseconds;
let stores: Stores;
let configured: readonly Client[];
let service: ClientService;

beforeEach(() => {
  now = NOW;
  configured = [aClient('fixed', { origin: 'configured', revision: 0, createdAt: 0 })];
  stores = openEmbeddedStore({ path: ':memory:', clock: () => now });
  service = createClientService({
    clients: stores.clients,
    revocations: stores.revocations,
    configured: () => configured,
    logins: () => ['shop'],
    accessTokenFormat: () => 'jwt',
    isTenant: async (id) => id === acme,
    clock: () => now,
  });
  return () => stores.close();
});

function valueOf<T>(result: Result<T, Refusal>): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function refusalOf(result: Result<unknown, Refusal>): Refusal {
  if (result.ok) throw new Error('it was not refused');
  return result.error;
}

async function created(members: Partial<ClientDescription> = {}) {
  const issued = valueOf(await service.create({ ...DESCRIPTION, ...members }));
  if (issued.secret === undefined) throw new Error('it has no secret');
  return { client: issued.client, secret: issued.secret };
}

async function stored(): Promise<Client | undefined> {
  return stores.clients.find(erp);
}

/** What a token of the client is taken for. */
function principalOf(issuedAt: EpochMilliseconds): Principal {
  return {
    kind: 'client',
    subject: subjectOfClient(erp),
    client: subjectOfClient(erp),
    clientId: erp,
    tenants: [acme],
    scopes: new Set(),
    roles: new Set(),
    profile: {},
    method: 'token',
    issuedAt,
    credentialId: 'token:gatehouse:1',
    revocationIds: [revocationIdOf({ kind: 'client', client: subjectOfClient(erp) })],
  };
}

const isFirst = ({ client }: { readonly client: Client }) => client.revision === 1;

/** The revocation list, asked for a token of the client. */
async function listed() {
  const list = await createRevocationList({
    revocations: stores.revocations,
    changes: stores.changes,
    clock: () => now,
    log: pino({ level: 'silent' }),
  });
  const isRefused = (issuedAt: EpochMilliseconds) =>
    list.find(principalOf(issuedAt), acme, now) !== undefined;
  return { isRefused, close: () => list.close() };
}

describe('creating a client', () => {
  it('stores what was said, and shows the secret this once', async () => {
    const { client, secret } = await created({ accessTokenFormat: 'opaque' });
    expect(secret.reveal()).toMatch(/^ghc_[0-9A-Za-z]{43}$/);
    expect(isSecretOf(client, secret, now)).toBe(true);
    expect(await stored()).toEqual(client);
    expect(client).toEqual({
      ...DESCRIPTION,
      origin: 'stored',
      secrets: [{ hex: expect.stringMatching(/^[0-9a-f]{64}$/) }],
      accessTokenFormat: 'opaque',
      createdAt: NOW,
      revision: 1,
    });
    const shown = [...(await service.list()), valueOf(await service.find(erp))];
    expect(inspect([shown, await stored()], { depth: 9 })).not.toContain(secret.reveal().slice(4));
  });

  it('takes the id for a name and the form of tokens from the configuration where nothing is said', async () => {
    const { name: _, ...description } = DESCRIPTION;
    const { client } = valueOf(await service.create(description));
    expect(client).toMatchObject({ name: 'erp', accessTokenFormat: 'jwt' });
  });

  it('gives a public client no secret', async () => {
    const description = { ...DESCRIPTION, isPublic: true, grants: ['password'], login: 'shop' } as const;
    const issued = valueOf(await service.create(description));
    expect(issued.secret).toBeUndefined();
    expect(issued.client.secrets).toEqual([]);
  });

  it('is refused for an id that configuration or store has', async () => {
    await created();
    expect(refusalOf(await service.create(DESCRIPTION))).toMatchObject({ kind: 'conflict' });
    expect(refusalOf(await service.create({ ...DESCRIPTION, id: clientId('fixed') }))).toEqual({
      kind: 'conflict',
      message: 'There is a client fixed already.',
    });
  });

  it('of 50 at once with one id makes one client, whose secret is the one that was shown', async () => {
    const results = await race(50, () => service.create(DESCRIPTION));
    const [issued, ...others] = results.flatMap((result) => (result.ok ? [result.value] : []));
    expect(others).toEqual([]);
    if (issued?.secret === undefined) throw new Error('none was made');
    expect(isSecretOf(await stored(), issued.secret, now)).toBe(true);
  });

  it.each<[string, Partial<ClientDescription>, string]>([
    ['an unknown tenant', { tenants: [acme, tenantId('globex')] }, 'There is no tenant globex.'],
    ['an unknown login', { login: 'shopp' }, 'The configuration has no login "shopp".'],
    [
      'a public client that acts for itself',
      { isPublic: true },
      'grants: found "client_credentials" of a public client, expected a grant in which a user logs in, since a public client cannot prove who it is.',
    ],
    [
      'passwords without a login',
      { grants: ['password'] },
      'login: found "password" without "login", expected the login by which its users log in.',
    ],
    [
      'a scope that is two',
      { scopes: ['a b'] },
      'scopes: found "a b", expected printable ASCII without spaces, " and \\.',
    ],
  ])('is refused with %s', async (_, members, message) => {
    const refused = await service.create({ ...DESCRIPTION, ...members });
    expect(refusalOf(refused)).toEqual({ kind: 'invalid', message });
    expect(await stored()).toBeUndefined();
  });
});

describe('clients of the configuration', () => {
  it('are shown, and cannot be changed', async () => {
    const id = clientId('fixed');
    expect(valueOf(await service.find(id))).toEqual({ client: configured[0], isInEffect: true });
    for (const result of [
      await service.update(id, { name: 'x' }),
      await service.rotateSecret(id, 0),
      await service.remove(id, 'admin:alice'),
    ])
      expect(refusalOf(result)).toMatchObject({
        kind: 'conflict',
        message: expect.stringContaining('The client fixed is in the configuration file'),
      });
    expect(await stores.revocations.list(now)).toEqual([]);
  });

  it('come before stored ones of the same id, which are not in effect', async () => {
    await created({ id: clientId('zeta') });
    await created();
    configured = [...configured, aClient('erp', { origin: 'configured' })];
    const shown = (await service.list()).map(({ client, isInEffect }) => [
      client.id,
      client.origin,
      isInEffect,
    ]);
    expect(shown).toEqual([
      ['erp', 'configured', true],
      ['erp', 'stored', false],
      ['fixed', 'configured', true],
      ['zeta', 'stored', true],
    ]);
    expect(valueOf(await service.find(erp)).client.origin).toBe('configured');
  });
});

describe('changing a client', () => {
  it('changes what is named and nothing else, and is announced', async () => {
    const { client } = await created({ login: 'shop' });
    const changes = recordChanges(stores);
    const changed = valueOf(
      await service.update(erp, { scopes: [], origins: ['https://app.example'] }),
    ).client;
    expect(changed).toEqual({ ...client, scopes: [], origins: ['https://app.example'], revision: 2 });
    expect(await stored()).toEqual(changed);
    expect(changes).toEqual([{ kind: 'clientChanged', id: erp }]);
    const { login: _, ...withoutLogin } = changed;
    expect(valueOf(await service.update(erp, { login: null })).client).toStrictEqual({
      ...withoutLogin,
      revision: 3,
    });
  });

  it('is checked as a whole', async () => {
    await created({ grants: ['password'], login: 'shop' });
    expect(refusalOf(await service.update(erp, { login: null })).kind).toBe('invalid');
    expect(refusalOf(await service.update(erp, { tenants: [tenantId('globex')] })).kind).toBe('invalid');
    expect((await stored())?.revision).toBe(1);
  });

  it('is refused when the client is not what was expected, or not there', async () => {
    await created();
    valueOf(await service.update(erp, { name: 'Second' }, isFirst));
    for (const result of [
      await service.update(erp, { name: 'Third' }, isFirst),
      await service.rotateSecret(erp, 0, isFirst),
      await service.remove(erp, 'admin:alice', undefined, isFirst),
    ])
      expect(refusalOf(result)).toMatchObject({ kind: 'stale' });
    expect(await stored()).toMatchObject({ name: 'Second', revision: 2 });
    expect(await stores.revocations.list(now)).toEqual([]);
    const absent = clientId('absent');
    for (const result of [
      await service.find(absent),
      await service.update(absent, {}),
      await service.rotateSecret(absent, 0),
      await service.remove(absent, 'admin:alice'),
    ])
      expect(refusalOf(result)).toEqual({ kind: 'absent', message: 'There is no client absent.' });
  });

  it('at once with others loses nothing', async () => {
    await created();
    await Promise.all([
      service.update(erp, { name: 'Next' }),
      service.update(erp, { scopes: ['b'] }),
      service.update(erp, { accessTokenFormat: 'opaque' }),
    ]);
    expect(await stored()).toMatchObject({
      name: 'Next',
      scopes: ['b'],
      accessTokenFormat: 'opaque',
      revision: 4,
    });
  });
});

describe('rotating a secret', () => {
  it('keeps the old one working for the overlap, and no longer', async () => {
    const { secret: old } = await created();
    const { secret } = valueOf(await service.rotateSecret(erp, MINUTE));
    const client = await stored();
    expect(secret.reveal()).not.toBe(old.reveal());
    expect(isSecretOf(client, secret, now)).toBe(true);
    expect(isSecretOf(client, old, now + MINUTE - 1)).toBe(true);
    expect(isSecretOf(client, old, now + MINUTE)).toBe(false);
    expect(isSecretOf(client, secret, now + 1000 * MINUTE)).toBe(true);
  });

  it('without an overlap takes every older one away at once', async () => {
    const { secret: first } = await created();
    const { secret: second } = valueOf(await service.rotateSecret(erp, MINUTE));
    const { secret: third } = valueOf(await service.rotateSecret(erp, 0));
    const client = await stored();
    expect(client?.secrets).toHaveLength(1);
    expect([first, second, third].map((each) => isSecretOf(client, each, now))).toEqual([false, false, true]);
  });

  it('never lets an old one live longer than it would have, and forgets what has ended', async () => {
    const { secret: first } = await created();
    await service.rotateSecret(erp, MINUTE);
    await service.rotateSecret(erp, 10 * MINUTE);
    expect(isSecretOf(await stored(), first, now + MINUTE)).toBe(false);
    now += 10 * MINUTE;
    await service.rotateSecret(erp, MINUTE);
    expect((await stored())?.secrets).toHaveLength(2);
  });

  it('is refused while too many overlap, and for public clients', async () => {
    await created();
    for (let more = 1; more < MOST_SECRETS; more += 1) valueOf(await service.rotateSecret(erp, MINUTE));
    expect(refusalOf(await service.rotateSecret(erp, MINUTE)).kind).toBe('conflict');
    expect((await stored())?.secrets).toHaveLength(MOST_SECRETS);
    valueOf(await service.rotateSecret(erp, 0));
    const app = clientId('app');
    await service.create({ ...DESCRIPTION, id: app, isPublic: true, grants: [] });
    expect(refusalOf(await service.rotateSecret(app, 0)).message).toBe(
      'The client app is public and has no secret.',
    );
  });

  it('twice at once leaves both new secrets good, if there is an overlap', async () => {
    await created();
    const rotated = await race(2, async () => valueOf(await service.rotateSecret(erp, MINUTE)).secret);
    const client = await stored();
    expect(rotated.map((secret) => isSecretOf(client, secret, now))).toEqual([true, true]);
  });
});

describe('removing a client', () => {
  it('leaves nothing of it, and refuses what was given out for it, under a later client of its id too', async () => {
    const list = await listed();
    const { secret } = await created();
    now += MINUTE;
    valueOf(await service.remove(erp, 'admin:alice', 'no longer needed'));
    expect(await stored()).toBeUndefined();
    expect(list.isRefused(NOW)).toBe(true);
    expect(await stores.revocations.list(now)).toEqual([
      {
        target: { kind: 'client', client: 'client:erp' },
        issuedBefore: now,
        revokedAt: now,
        revokedBy: 'admin:alice',
        reason: 'no longer needed',
      },
    ]);

    // A replica that had not heard of it gave out one more.
    const late = now + 5;
    now += MINUTE;
    await created();
    expect(isSecretOf(await stored(), secret, now)).toBe(false);
    expect([NOW, late].map(list.isRefused)).toEqual([true, true]);
    expect(list.isRefused(now + 1)).toBe(false);
    list.close();
  });

  it('under an id that is revoked for good nothing is made, since nothing of it would be accepted', async () => {
    await stores.revocations.add({
      target: { kind: 'client', client: 'client:erp' },
      revokedAt: now,
      revokedBy: 'admin:alice',
    });
    expect(refusalOf(await service.create(DESCRIPTION))).toEqual({
      kind: 'conflict',
      message: 'The client erp is revoked for good: take the revocation back, or choose another id.',
    });
    expect(await stored()).toBeUndefined();
  });

  it('of 20 removals at once one succeeds', async () => {
    await created();
    const results = await race(20, () => service.remove(erp, 'admin:alice'));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(new Set(results.flatMap((each) => (each.ok ? [] : [each.error.kind])))).toEqual(
      new Set(['absent']),
    );
  });
});
