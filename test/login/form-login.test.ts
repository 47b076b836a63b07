import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { FORM_USER, type FormLogin, startFormLogin } from '../support/form-login.ts';
import { accepted, type LoginScene, type LoginSceneOptions, loginScene, outageOf } from './scene.ts';

const LOGIN = {
  prepare: { request: 'GET /login', values: { csrf: { input: 'csrf' } } },
  request: {
    path: '/login',
    form: { csrf: '{prepare.csrf}', user: '{username}', pass: '{password}' },
  },
  success: { status: 302, location: { not: '/login' }, cookie: 'app_session' },
  user: {
    request: 'GET /api/user',
    id: '/id',
    name: '{username}',
    roles: '/roles',
    profile: { mail: '/mail/work', phone: '/phone' },
  },
  keep: { cookies: ['app_session'] },
  sessionLost: { location: '/login', probe: 'GET /api/user' },
  logout: { request: 'POST /logout' },
};

let site: FormLogin;
beforeEach(async () => {
  site = await startFormLogin();
  onTestFinished(() => site.close());
});

function sceneOf(login: object = {}, options: Partial<LoginSceneOptions> = {}): LoginScene {
  return loginScene({
    url: site.url,
    login: { ...LOGIN, ...login },
    upstream: { basePath: '/app' },
    ...options,
  });
}

const { username, password, id } = FORM_USER;

test('a login page with a token, redirects and a user request makes an account, without loss in the id', async () => {
  const scene = sceneOf();
  const { account, jar } = await accepted(scene.logIn({ username, password }));
  expect(account).toEqual({
    subject: `user:staff:acme:${id}`,
    user: { id, name: username },
    tenants: ['acme'],
    roles: ['admin', 'clerk'],
    profile: { mail: 'g@navy.test' },
  });
  expect(site.received).toEqual(['GET /app/login', 'POST /app/login', 'GET /app/api/user']);
  expect(jar.cookies.map(({ name, path }) => [name, path])).toEqual([['app_session', '/app']]);
});

test('a wrong password and an unknown user lead back to the login page, and are refused alike', async () => {
  const scene = sceneOf();
  for (const guess of [
    { username, password: 'wrong' },
    { username: 'nobody', password },
  ])
    expect(await scene.logIn(guess)).toMatchObject({
      kind: 'rejected',
      reason: 'the answer does not set the cookie app_session',
    });
  const byLocation = sceneOf({ success: { status: 302, location: { not: '/login' } } });
  expect(await byLocation.logIn({ username, password: 'wrong' })).toMatchObject({
    kind: 'rejected',
    reason: 'the answer leads to /login',
  });
});

test('where yes and no look alike, the user request tells', async () => {
  const scene = sceneOf({ success: { status: 302 } });
  await accepted(scene.logIn({ username, password }));
  expect(await scene.logIn({ username, password: 'wrong' })).toMatchObject({
    kind: 'rejected',
    reason: 'the user request was answered 302',
  });
});

test('a token that is not there is an outage: the password was never asked about', async () => {
  const scene = sceneOf({ prepare: { request: 'GET /login', values: { csrf: { input: 'other' } } } });
  expect((await outageOf(scene.logIn({ username, password }))).message).toContain('no value for csrf');
  expect(site.received).toEqual(['GET /app/login']);
});

test('a redirect to the login page, and no other, says that the session is gone', async () => {
  const scene = sceneOf();
  const { jar } = await accepted(scene.logIn({ username, password }));
  const { bridge } = scene;
  expect(bridge.looksLost(302, '/app/login?next=%2Fhome')).toBe(true);
  expect(bridge.looksLost(303, `${site.url}/app/login`)).toBe(true);
  expect([
    bridge.looksLost(302, '/app/home'),
    bridge.looksLost(200, '/app/login'),
    bridge.looksLost(302, undefined),
  ]).toEqual([false, false, false]);
  expect(await bridge.probe(jar, scene.tenant('acme'))).toBe('alive');
  await bridge.logOut(jar, scene.tenant('acme'));
  expect(await bridge.probe(jar, scene.tenant('acme'))).toBe('lost');
});

test('nothing that a user types can become another member of the form', async () => {
  const scene = sceneOf();
  for (const guess of [`${username}&pass=${encodeURIComponent(password)}`, `${username}\r\nX-A: b`])
    expect((await scene.logIn({ username: guess, password: 'x' })).kind).toBe('rejected');
});
