import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configSchema, type LoginSettings } from '../../src/config/schema/config.ts';
import type { ReadLogin } from '../../src/login/login-bridge.ts';
import { createLoginReader } from '../../src/login/read-login.ts';

function settingsOf(request: object, tenant: readonly string[]): LoginSettings {
  const settings = configSchema((value) => ({ ok: true, value })).parse({
    upstreams: { api: { targets: ['http://api:8080'] } },
    login: {
      staff: { upstream: 'api', request: { path: '/login', ...request }, user: { id: '/id' }, tenant },
    },
    routes: [{ id: 'all', match: { path: '/**' }, public: true, upstream: 'api' }],
  });
  const { staff } = settings.login;
  if (staff === undefined) throw new Error('no login');
  return staff;
}

const readJson = createLoginReader(
  settingsOf({ json: { in: { 'user/name': '{username}' }, pass: '{password}', company: '{tenant.id}' } }, [
    'body:/company',
  ]),
);
const readForm = createLoginReader(
  settingsOf({ form: { user: '{username}', pass: '{password}' } }, ['host', 'body:/company']),
);

function shown(login: ReadLogin | undefined) {
  return login && { ...login, password: login.password.reveal() };
}
const json = (text: string | Buffer, type = 'application/json') => shown(readJson(type, Buffer.from(text)));
const form = (text: string, type = 'application/x-www-form-urlencoded') =>
  shown(readForm(type, Buffer.from(text, 'latin1')));

describe('JSON', () => {
  const GOOD = '{"in":{"user/name":"anna"},"pass":"p","company":"acme"}';
  const LOGIN = { username: 'anna', password: 'p', tenant: 'acme' };

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'text/json;charset="UTF-8"',
    'application/vnd.x+json',
  ])('is read as %s', (type) => {
    expect(json(GOOD, type)).toEqual(LOGIN);
  });

  test('need not name a tenant', () => {
    expect(json('{"in":{"user/name":"anna"},"pass":"p"}')).toEqual({ username: 'anna', password: 'p' });
  });

  test.each([
    ['another type', GOOD, 'application/x-www-form-urlencoded'],
    ['another charset', GOOD, 'application/json; charset=utf-16'],
    ['no type', GOOD, ''],
    ['a name twice', '{"pass":"x","in":{"user/name":"anna"},"pass":"p"}', undefined],
    ['a name twice, escaped once', '{"p\\u0061ss":"x","in":{"user/name":"anna"},"pass":"p"}', undefined],
    [
      'a name in two cases',
      '{"in":{"user/name":"anna"},"pass":"p","company":"acme","Company":"globex"}',
      undefined,
    ],
    ['a name in another case', '{"in":{"user/name":"anna"},"Pass":"p"}', undefined],
    ['an object in two cases', '{"in":{"user/name":"anna"},"IN":{"user/name":"bert"},"pass":"p"}', undefined],
    ['a number for the user', '{"in":{"user/name":7},"pass":"p"}', undefined],
    ['a list for the password', '{"in":{"user/name":"anna"},"pass":["p"]}', undefined],
    ['null for the tenant', '{"in":{"user/name":"anna"},"pass":"p","company":null}', undefined],
    ['a text in place of an object', '{"in":"anna","pass":"p"}', undefined],
    ['no password', '{"in":{"user/name":"anna"}}', undefined],
    ['a list', '["anna","p"]', undefined],
    ['half of it', '{"in":{', undefined],
    ['more than 64 KiB', `{"in":{"user/name":"anna"},"pass":"p","x":"${'x'.repeat(64 * 1024)}"}`, undefined],
    ['nothing', '', undefined],
  ])('with %s is no login', (_, text, type) => {
    expect(json(text, type)).toBeUndefined();
  });

  test('that is not UTF-8 is no login', () => {
    expect(json(Buffer.from('{"in":{"user/name":"\xff"},"pass":"p"}', 'latin1'))).toBeUndefined();
  });
});

describe('a form', () => {
  test('is read with its encoding undone', () => {
    expect(form('user=gr%C3%A4ce+h&pass=%26%3D%2B&other=1')).toEqual({
      username: 'gräce h',
      password: '&=+',
    });
    expect(form('company=acme&user=a&pass=', 'application/x-www-form-urlencoded;charset=UTF-8')).toEqual({
      username: 'a',
      password: '',
      tenant: 'acme',
    });
  });

  test.each([
    ['a name twice', 'user=a&pass=p&user=b'],
    ['a name twice, encoded once', 'user=a&pass=p&%75ser=b'],
    ['a name in two cases', 'user=a&pass=p&company=acme&COMPANY=globex'],
    ['a list of PHP', 'user=a&pass=p&company=acme&company[]=globex'],
    ['a list of PHP alone', 'user[]=a&pass=p'],
    ['no user', 'pass=p'],
    ['bad UTF-8', 'user=%ff&pass=p'],
    ['half an escape', 'user=%f&pass=p'],
    ['raw bytes', 'user=\xe4&pass=p'],
    ['a line break', 'user=a&pass=p\r\n'],
    ['nothing', ''],
  ])('with %s is no login', (_, text) => {
    expect(form(text)).toBeUndefined();
  });
});

test('what is read is what was written, whatever it is', () => {
  const word = fc.string({ unit: 'grapheme', maxLength: 30 });
  fc.assert(
    fc.property(word, word, (username, password) => {
      const body = new URLSearchParams({ user: username, pass: password }).toString();
      expect(form(body)).toEqual({ username, password });
      expect(json(JSON.stringify({ in: { 'user/name': username }, pass: password }))).toEqual({
        username,
        password,
      });
    }),
  );
});

test('no bytes break the reader', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const body = Buffer.from(bytes);
      for (const read of [readJson, readForm])
        for (const type of ['application/json', 'application/x-www-form-urlencoded', undefined])
          read(type, body);
    }),
  );
});
