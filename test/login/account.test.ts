import { describe, expect, test } from 'vitest';
import { configSchema, type LoginSettings } from '../../src/config/schema/config.ts';
import { compileAccount } from '../../src/login/account.ts';
import type { Json } from '../../src/principals/principal.ts';
import { tenant } from '../support/authentication.ts';

function settingsOf(user: object, membershipAuthority = 'own'): LoginSettings {
  const { login } = configSchema((value) => ({ ok: true, value })).parse({
    upstreams: { api: { targets: ['http://api:8080'] } },
    login: { staff: { upstream: 'api', request: { path: '/login' }, user, membershipAuthority } },
    routes: [{ id: 'all', match: { path: '/**' }, public: true, upstream: 'api' }],
  });
  if (login['staff'] === undefined) throw new Error('no login');
  return login['staff'];
}

const acme = { tenant: tenant('acme'), username: 'Anna' };

function accountOf(answer: Json, user: object, authority?: string) {
  const read = compileAccount('staff', settingsOf(user, authority)).read(answer, acme);
  return read.ok ? read.value : read.error;
}

function sharedAccountOf(tenants: Json) {
  return accountOf({ id: 1, in: tenants }, { id: '/id', tenants: '/in' }, 'shared');
}

describe('memberships of a shared authority', () => {
  test.each<readonly [string, Json, readonly string[]]>([
    ['a list', ['globex', 'acme'], ['acme', 'globex']],
    ['a text', 'acme, globex initech', ['acme', 'globex', 'initech']],
    ['numbers among them', [7, 'acme'], ['acme', '7']],
    ['one twice', ['acme', 'acme', 'globex', 'globex'], ['acme', 'globex']],
    ['some that can be no tenant here', ['acme', 'ACME', '../globex', 'a:b', '-x'], ['acme']],
  ])('are read from %s, the one of the login first', (_, tenants, expected) => {
    expect(sharedAccountOf(tenants)).toMatchObject({ tenants: expected });
  });

  test.each<Json>([['globex'], [], 'globex', '', null, ['ACME']])(
    'refuse whoever is none of the tenant: %j',
    (tenants) => {
      expect(sharedAccountOf(tenants)).toBe('the user does not belong to the tenant acme');
    },
  );

  test.each<Json>([{ acme: true }, 7, [['acme']], [null]])('that are %j are an outage', (tenants) => {
    expect(() => sharedAccountOf(tenants)).toThrow(expect.objectContaining({ code: 'login_unavailable' }));
  });
});

describe('the id', () => {
  test.each<readonly [Json, string]>([
    ['a:b', 'user:staff:acme:a%3Ab'],
    [17, 'user:staff:acme:17'],
    [-3, 'user:staff:acme:-3'],
    ['x'.repeat(256), `user:staff:acme:${'x'.repeat(256)}`],
  ])('%j is a subject that no other text shares', (id, subject) => {
    expect(accountOf({ id }, { id: '/id' })).toMatchObject({ subject });
  });

  test.each<Json>(['', 'x'.repeat(257), 1.5, 2 ** 60, true, null, [], {}])('%j is none', (id) => {
    expect(() => accountOf({ id }, { id: '/id' })).toThrow('is no id of a user');
  });

  test('may be the name as it was typed, and then no answer need be read', () => {
    const settings = settingsOf({ id: '{username}', name: '{username}' });
    const reader = compileAccount('staff', settings);
    expect(reader.readsAnswer).toBe(false);
    expect(reader.read(null, acme)).toMatchObject({
      value: { subject: 'user:staff:acme:Anna', user: { id: 'Anna', name: 'Anna' } },
    });
    for (const member of [{ roles: '/roles' }, { profile: '/' }, { name: '/name' }])
      expect(compileAccount('staff', settingsOf({ id: '{username}', ...member })).readsAnswer).toBe(true);
  });
});

test.each<readonly [Json, readonly string[]]>([
  [
    ['clerk', 'sales admin'],
    ['clerk', 'sales admin'],
  ],
  ['clerk,admin  x', ['clerk', 'admin', 'x']],
  [[7], ['7']],
  [null, []],
  [[], []],
])('roles %j are %j', (roles, expected) => {
  expect(accountOf({ id: 1, roles }, { id: '/id', roles: '/roles' })).toMatchObject({ roles: expected });
});

test('no user has more roles than any upstream could mean', () => {
  const roles = Array.from({ length: 201 }, (_, index) => `r${index}`);
  expect(() => accountOf({ id: 1, roles }, { id: '/id', roles: '/roles' })).toThrow('more than 200 roles');
});

test('a profile is an object as it is, or members by name, absent ones left out', () => {
  const answer = { id: 1, user: { mail: 'a@b.test', deep: { x: [1] } } };
  expect(accountOf(answer, { id: '/id', profile: '/user' })).toMatchObject({ profile: answer.user });
  expect(accountOf(answer, { id: '/id', profile: { x: '/user/deep/x', no: '/user/no' } })).toHaveProperty(
    'profile',
    { x: [1] },
  );
  expect(accountOf(answer, { id: '/id', profile: '/no' })).toHaveProperty('profile', {});
  expect(() => accountOf(answer, { id: '/id', profile: '/user/mail' })).toThrow('the profile is no object');
});
