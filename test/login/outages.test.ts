import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { StoreUnavailable } from '../../src/base/outage.ts';
import type { AttemptStore } from '../../src/limits/attempt-store.ts';
import { answerOf, upstreamFor } from '../support/forwarding-scenario.ts';
import { accepted, LEGACY_LOGIN, loginScene, outageOf } from './scene.ts';

function json(status: string, body: string, fields: readonly string[] = []): string {
  return answerOf(
    status,
    ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body, 'latin1')}`, ...fields],
    body,
  );
}

const GOOD = '{"user":{"id":17,"name":"Anna","roles":["clerk"]},"token":"t-1"}';

const FAILURES: readonly (readonly [string, string | ((socket: Socket) => void)])[] = [
  ['500', json('500 Oops', GOOD)],
  ['502', json('502 Bad Gateway', '{}')],
  ['503', json('503 Busy', '{}')],
  ['408', json('408 Late', '{}')],
  ['429', json('429 Slow down', '{}')],
  ['a broken connection', (socket) => socket.destroy()],
  ['half an answer', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"user"')],
  ['no answer', () => {}],
  ['no HTTP', (socket) => socket.end('220 smtp ready\r\n\r\n')],
  ['HTML in place of JSON', answerOf('200 OK', ['Content-Length: 6'], '<html>')],
  ['JSON that is not UTF-8', json('200 OK', '{"user":{"id":"\xff"}}')],
  ['half of its JSON', json('200 OK', '{"user":{"id":1')],
  ['a user whose id is a list', json('200 OK', '{"user":{"id":[1]}}')],
  ['a user whose id is empty', json('200 OK', '{"user":{"id":""}}')],
  ['a user whose id is a fraction', json('200 OK', '{"user":{"id":1.5}}')],
  ['a user whose id is too long', json('200 OK', `{"user":{"id":"${'x'.repeat(257)}"}}`)],
  ['roles that are an object', json('200 OK', '{"user":{"id":1,"roles":{"admin":true}}}')],
  ['roles among which is an object', json('200 OK', '{"user":{"id":1,"roles":[{}]}}')],
  ['a profile without an end', json('200 OK', `{"user":{"id":1,"x":"${'x'.repeat(17_000)}"}}`)],
  ['more than a mebibyte', json('200 OK', `{"user":{"id":1},"x":"${'x'.repeat(1024 * 1024)}"}`)],
];

test.each(FAILURES)(
  'an upstream that answers %s is an outage, never a wrong password, and nothing is counted',
  async (_, handler) => {
    const upstream = await upstreamFor(handler);
    const scene = loginScene({
      url: upstream.origin,
      login: { timeout: '300ms' },
      upstream: { health: { failures: 1000 } },
      failedLogins: { perUser: '1/h', perPeer: '1/h' },
    });
    for (let each = 0; each < 2; each += 1) {
      const outage = await outageOf(scene.logIn());
      expect(outage.code).toBe('login_unavailable');
      expect(outage.message).not.toContain('acme-anna-pw');
    }
    expect(upstream.requests).toHaveLength(2);
  },
);

test('an upstream that is down is an outage', async () => {
  const upstream = await upstreamFor('');
  await upstream.close();
  const scene = loginScene({ url: upstream.origin });
  expect((await outageOf(scene.logIn())).code).toBe('login_unavailable');
});

test.each([
  ['401', json('401 No', '{}'), 'the login was answered 401'],
  ['403', json('403 No', '{}'), 'the login was answered 403'],
  ['200 without a user', json('200 OK', '{"user":null}'), 'the answer lacks /user/id'],
  ['200 with an id that is null', json('200 OK', '{"user":{"id":null}}'), 'the answer lacks /user/id'],
])('an upstream that answers %s says that the password is wrong', async (_, answer, reason) => {
  const upstream = await upstreamFor(answer);
  expect(await loginScene({ url: upstream.origin }).logIn()).toMatchObject({ kind: 'rejected', reason });
});

test.each([
  ['500', json('500 Oops', '{}')],
  ['404', json('404 Gone', '{}')],
  ['no JSON', answerOf('200 OK', ['Content-Length: 2'], 'ok')],
])('a user request that is answered %s is an outage', async (_, answer) => {
  const upstream = await upstreamFor((socket, { startLine }) => {
    socket.write(startLine.startsWith('POST') ? json('200 OK', GOOD) : answer);
  });
  const login = { user: { ...LEGACY_LOGIN.user, request: 'GET /me' } };
  expect((await outageOf(loginScene({ url: upstream.origin, login }).logIn())).code).toBe(
    'login_unavailable',
  );
});

test('all requests of a login share its time', async () => {
  const upstream = await upstreamFor((socket, { startLine }) => {
    if (startLine.startsWith('GET /first')) setTimeout(() => socket.write(json('200 OK', '{}')), 150);
  });
  const login = { prepare: { request: 'GET /first' }, timeout: '250ms' };
  const begun = performance.now();
  await outageOf(loginScene({ url: upstream.origin, login }).logIn());
  expect(performance.now() - begun).toBeLessThan(390);
  expect(upstream.requests).toHaveLength(2);
});

test('a tenant without the credential that the login wants is an outage, and the upstream is not asked', async () => {
  const upstream = await upstreamFor(json('200 OK', GOOD));
  const outage = await outageOf(loginScene({ url: upstream.origin }).logIn({ tenant: 'bare' }));
  expect([outage.code, outage.message]).toEqual([
    'login_unavailable',
    'tenant bare has no credential legacyKey',
  ]);
  expect(upstream.requests).toHaveLength(0);
});

test('a store that cannot count is an outage of its own, and the upstream is not asked', async () => {
  const upstream = await upstreamFor(json('200 OK', GOOD));
  const attempts: AttemptStore = {
    take: () => Promise.reject(new StoreUnavailable('gone')),
    giveBack: () => Promise.reject(new StoreUnavailable('gone')),
  };
  expect((await outageOf(loginScene({ url: upstream.origin, attempts }).logIn())).code).toBe(
    'store_unavailable',
  );
  expect(upstream.requests).toHaveLength(0);
});

test('a field of the answer is kept for the session and sent with the user request', async () => {
  const upstream = await upstreamFor(json('200 OK', GOOD));
  const login = {
    keep: { fields: { Authorization: 'Bearer {/token}' } },
    user: { ...LEGACY_LOGIN.user, request: 'GET /me' },
  };
  const { jar } = await accepted(loginScene({ url: upstream.origin, login }).logIn());
  expect(jar).toEqual({
    cookies: [],
    fields: [{ upstream: 'api', name: 'Authorization', value: 'Bearer t-1' }],
  });
  expect(upstream.requests.map((request) => request.field('authorization'))).toEqual([
    undefined,
    'Bearer t-1',
  ]);
});

test.each(['"a\\r\\nX-Evil: 1"', '""', '7', 'null'])(
  'a kept field that would be %s is an outage',
  async (token) => {
    const upstream = await upstreamFor(json('200 OK', GOOD.replace('"t-1"', token)));
    const login = { keep: { fields: { Authorization: 'Bearer {/token}' } } };
    await outageOf(loginScene({ url: upstream.origin, login }).logIn());
  },
);

test('the upstream switches its own session where it can, and the jar is what it makes of it', async () => {
  const upstream = await upstreamFor((socket, { startLine }) => {
    const cookie = startLine.startsWith('POST /switch') ? 'sid=globex; Path=/' : 'sid=acme; Path=/';
    socket.write(json('200 OK', GOOD, [`Set-Cookie: ${cookie}`]));
  });
  const login = {
    keep: { cookies: ['sid'] },
    switchTenant: {
      request: 'POST /switch',
      json: { to: '{tenant.id}' },
      fields: { 'X-Key': '{tenant.credentials.legacyKey}' },
    },
  };
  const scene = loginScene({ url: upstream.origin, login });
  const { jar } = await accepted(scene.logIn());
  const outcome = await scene.bridge.switchTenant(jar, scene.tenant('globex'));
  expect(outcome).toMatchObject({
    kind: 'switched',
    jar: { cookies: [{ name: 'sid', value: 'globex', version: 2 }] },
  });
  const request = upstream.requests[1];
  expect(request?.body.toString()).toBe('{"to":"globex"}');
  expect([request?.field('cookie'), request?.field('x-key')]).toEqual(['sid=acme', 'globex-legacy-0815']);
});

test.each([
  ['403', 'reauthenticate'],
  ['401', 'reauthenticate'],
  ['500', 'login_unavailable'],
])('a switch that is answered %s is %s', async (status, expected) => {
  const upstream = await upstreamFor(json(`${status} X`, '{}'));
  const scene = loginScene({ url: upstream.origin, login: { switchTenant: { request: 'POST /switch' } } });
  const outcome = scene.bridge.switchTenant({ cookies: [], fields: [] }, scene.tenant('globex'));
  const seen = await outcome.then(
    ({ kind }) => kind,
    () => outageOf(outcome).then(({ code }) => code),
  );
  expect(seen).toBe(expected);
});
