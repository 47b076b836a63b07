import { expect, test } from 'vitest';
import { answerOf, upstreamFor } from '../support/forwarding-scenario.ts';
import type { RawHandler } from '../support/raw-upstream.ts';
import { accepted, loginScene } from './scene.ts';

const PAGE = '<form><input name="token" value="a&amp;b+c"></form>';

/** A login by form, whose logout wants the token of a page. */
const LOGIN = {
  request: { path: '/login', form: { user: '{username}', pass: '{password}' } },
  success: { status: 302 },
  user: { id: '{username}' },
  keep: { cookies: ['sid', 'csrf'] },
  logout: {
    prepare: { request: 'GET /page', values: { token: { input: 'token' } } },
    request: 'POST /logout',
    form: { token: '{prepare.token}', to: '{tenant.id}' },
    fields: { 'X-Token': '{prepare.token}', Referer: 'https://acme.gw.test/page' },
  },
};

function site(page: string): RawHandler {
  return (socket, { startLine }) => {
    if (startLine.startsWith('POST /login'))
      socket.write(
        answerOf('302 Found', [
          'Set-Cookie: sid=1',
          'Set-Cookie: csrf=old',
          'Location: /',
          'Content-Length: 0',
        ]),
      );
    else if (startLine.startsWith('GET /page')) socket.write(page);
    else socket.write(answerOf('204 No Content', []));
  };
}

const page = (body: string) =>
  answerOf('200 OK', ['Set-Cookie: csrf=new', `Content-Length: ${body.length}`], body);

async function logOutAt(answer: string, login: object = {}) {
  const upstream = await upstreamFor(site(answer));
  const scene = loginScene({
    url: upstream.origin,
    login: { ...LOGIN, ...login },
    upstream: { host: 'preserve' },
  });
  const { jar } = await accepted(scene.logIn());
  const said = await scene.bridge.logOut(jar, scene.tenant('acme'));
  return { upstream, scene, said, lines: upstream.requests.map(({ startLine }) => startLine) };
}

test('a logout has the token of the page that was asked for it, and the cookies that the page set', async () => {
  const { upstream, said, lines } = await logOutAt(page(PAGE));
  expect(said?.status).toBe(204);
  expect(lines).toEqual(['POST /login HTTP/1.1', 'GET /page HTTP/1.1', 'POST /logout HTTP/1.1']);
  const [, asked, logout] = upstream.requests;
  expect(asked?.field('cookie')).toBe('sid=1; csrf=old');
  expect(logout?.field('cookie')).toBe('sid=1; csrf=new');
  expect(logout?.body.toString()).toBe('token=a%26b%2Bc&to=acme');
  expect(logout?.field('x-token')).toBe('a&b+c');
  expect(logout?.field('referer')).toBe('https://acme.gw.test/page');
});

test('a request that no client waits for says how clients reach the gateway, and names none of them', async () => {
  const { upstream } = await logOutAt(page(PAGE));
  for (const request of upstream.requests.slice(1)) {
    expect(request.field('host')).toBe('acme.gw.test');
    expect(request.field('x-forwarded-host')).toBe('acme.gw.test');
    expect(request.field('x-forwarded-proto')).toBe('https');
    expect(request.field('x-forwarded-for')).toBeUndefined();
  }
});

test.each([
  ['has no token', page('<p>')],
  ['leads away', answerOf('302 Found', ['Location: /login', 'Content-Length: 0'])],
  ['fails', answerOf('500 Oops', ['Content-Length: 0'])],
])('a page that %s ends the logout, which is logged and no more', async (_, answer) => {
  const { said, lines, scene } = await logOutAt(answer);
  expect(said).toBeUndefined();
  expect(lines).not.toContain('POST /logout HTTP/1.1');
  expect(scene.logLines.join()).toContain('the upstream could not be told of a logout');
});

test('without a page to ask, the logout is one request', async () => {
  const { lines } = await logOutAt(page(PAGE), { logout: { request: 'DELETE /session' } });
  expect(lines).toEqual(['POST /login HTTP/1.1', 'DELETE /session HTTP/1.1']);
});

test('a typed name that is the id has one spelling: others are refused, and the upstream is not asked', async () => {
  const upstream = await upstreamFor(site(page(PAGE)));
  const scene = loginScene({ url: upstream.origin, login: LOGIN });
  for (const username of [' bob', 'bob\t', '\u00a0bob', 'ｂob', 'bo\u0308b'])
    expect(await scene.logIn({ username })).toMatchObject({ kind: 'rejected', answer: undefined });
  expect(upstream.requests).toHaveLength(0);
  const { account } = await accepted(scene.logIn({ username: 'Bob Böb' }));
  expect(account.subject).toBe('user:staff:acme:Bob%20B%C3%B6b');
  const elsewhere = loginScene({
    url: (await upstreamFor(answerOf('302 Found', ['Content-Length: 8'], '{"id":7}'))).origin,
    login: { ...LOGIN, user: { id: '/id' } },
  });
  expect((await accepted(elsewhere.logIn({ username: ' bob' }))).account.user.id).toBe('7');
});
