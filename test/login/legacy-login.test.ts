import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { type LegacyApi, startLegacyApi } from '../../demo/legacy-api/server.ts';
import type { UpstreamAnswer } from '../../src/login/login-bridge.ts';
import { EMPTY_JAR } from '../../src/sessions/jar.ts';
import { accepted, LEGACY_LOGIN, loginScene } from './scene.ts';

let legacy: LegacyApi;
beforeEach(async () => {
  legacy = await startLegacyApi({ port: 0 });
  onTestFinished(() => legacy.close());
});

const lastReceived = () => legacy.received().at(-1);
const fieldsOf = (name: string) =>
  lastReceived()
    ?.fields.filter(([each]) => each.toLowerCase() === name)
    .map(([, value]) => value);

test('a right password is an account with everything that the upstream says, and its cookies in the jar', async () => {
  const scene = loginScene({ url: legacy.url });
  const { account, jar, answer } = await accepted(scene.logIn());
  expect(account).toEqual({
    subject: 'user:staff:acme:17',
    user: { id: '17', name: 'Anna Ackermann' },
    tenants: ['acme'],
    roles: ['clerk'],
    profile: { id: 17, name: 'Anna Ackermann', roles: ['clerk'], companies: ['acme', 'globex'] },
  });
  expect(jar.fields).toEqual([]);
  expect(jar.cookies.map(({ name, path, upstream, version }) => ({ name, path, upstream, version }))).toEqual(
    [
      { name: 'ASP.NET_SessionId', path: '/', upstream: 'api', version: 1 },
      { name: 'auth', path: '/', upstream: 'api', version: 1 },
    ],
  );
  expect(answer.fields.join()).not.toMatch(/set-cookie|content-length/i);
});

test('the upstream is told of the client as with forwarded requests, and gets its own key', async () => {
  await loginScene({ url: legacy.url }).logIn();
  expect(lastReceived()).toMatchObject({ method: 'POST', target: '/api/login' });
  expect(fieldsOf('x-api-key')).toEqual(['acme-legacy-4711']);
  expect(fieldsOf('host')).toEqual([legacy.url.slice('http://'.length)]);
  expect(fieldsOf('x-forwarded-for')).toEqual(['192.0.2.7']);
  expect(fieldsOf('x-forwarded-proto')).toEqual(['https']);
  expect(fieldsOf('x-forwarded-host')).toEqual(['acme.gw.test']);
  expect(fieldsOf('user-agent')).toEqual(['Agent/1']);
  expect(fieldsOf('content-type')).toEqual(['application/json']);
});

test.each([
  ['preserve', 'acme.gw.test'],
  [{ fixed: 'legacy.internal' }, 'legacy.internal'],
])('Host is what the upstream is set to see: %j', async (host, seen) => {
  const scene = loginScene({ url: legacy.url, upstream: { host } });
  const { jar } = await accepted(scene.logIn());
  expect(fieldsOf('host')).toEqual([seen]);
  await scene.bridge.probe(jar, scene.tenant('acme'));
  expect(fieldsOf('host')).toEqual([seen]);
});

/** What may differ between two answers to the same. */
function withoutDate({ fields, ...rest }: UpstreamAnswer): UpstreamAnswer {
  return { ...rest, fields: fields.filter((_, at) => fields[at - 1] !== 'Date') };
}

test('S02: an unknown user and a wrong password take one path and get one outcome', async () => {
  const scene = loginScene({ url: legacy.url });
  const wrong = await scene.logIn({ password: 'wrong' });
  const unknown = await scene.logIn({ username: 'nobody' });
  expect(wrong).toMatchObject({
    kind: 'rejected',
    reason: 'the login was answered 401',
    answer: { status: 401 },
  });
  const answers = [wrong, unknown].map(
    (outcome) => outcome.kind === 'rejected' && outcome.answer && withoutDate(outcome.answer),
  );
  expect(answers[0]).toEqual(answers[1]);
  expect(legacy.received()).toHaveLength(2);
});

test('the same name in two tenants is two people', async () => {
  const scene = loginScene({ url: legacy.url });
  const acme = await accepted(scene.logIn());
  const globex = await accepted(scene.logIn({ tenant: 'globex', password: 'globex-anna-pw' }));
  expect([acme.account.subject, globex.account.subject]).toEqual([
    'user:staff:acme:17',
    'user:staff:globex:17',
  ]);
  expect((await scene.logIn({ tenant: 'globex' })).kind).toBe('rejected');
});

test('with its own authority a login proves one tenant, whatever the upstream says of others', async () => {
  const scene = loginScene({
    url: legacy.url,
    login: { user: { ...LEGACY_LOGIN.user, tenants: '/user/companies' } },
  });
  expect((await accepted(scene.logIn())).account.tenants).toEqual(['acme']);
});

test('with a shared authority it proves all, under a subject without tenant', async () => {
  const login = {
    membershipAuthority: 'shared',
    user: { ...LEGACY_LOGIN.user, tenants: '/user/companies' },
  };
  const { account } = await accepted(loginScene({ url: legacy.url, login }).logIn());
  expect([account.subject, account.tenants]).toEqual(['user:staff:17', ['acme', 'globex']]);
});

test('an empty user name or password is refused before the upstream could take it for an anonymous one', async () => {
  const scene = loginScene({ url: legacy.url });
  for (const members of [{ password: '' }, { username: '' }])
    expect(await scene.logIn(members)).toMatchObject({ kind: 'rejected', answer: undefined });
  expect(legacy.received()).toEqual([]);
});

test('a session of the upstream is alive until its logout, and lost after it', async () => {
  const scene = loginScene({ url: legacy.url });
  const { jar } = await accepted(scene.logIn());
  const acme = scene.tenant('acme');
  expect(await scene.bridge.probe(jar, acme)).toBe('alive');
  expect(await scene.bridge.logOut(jar, acme)).toMatchObject({ status: 200 });
  expect(await scene.bridge.probe(jar, acme)).toBe('lost');
  expect([scene.bridge.looksLost(401, undefined), scene.bridge.looksLost(403, undefined)]).toEqual([
    true,
    false,
  ]);
});

test('an upstream that is gone says nothing of a session, and no logout fails for it', async () => {
  const scene = loginScene({ url: legacy.url });
  const { jar } = await accepted(scene.logIn());
  await legacy.close();
  expect(await scene.bridge.probe(jar, scene.tenant('acme'))).toBe('unknown');
  expect(await scene.bridge.logOut(jar, scene.tenant('acme'))).toBeUndefined();
});

test('a switch of the tenant needs a login of its own where cookies are kept, and nothing where none are', async () => {
  const kept = loginScene({ url: legacy.url });
  const { jar } = await accepted(kept.logIn());
  expect(await kept.bridge.switchTenant(jar, kept.tenant('globex'))).toEqual({ kind: 'reauthenticate' });
  const bare = loginScene({ url: legacy.url, login: { keep: {} } });
  expect(await bare.bridge.switchTenant(EMPTY_JAR, bare.tenant('globex'))).toEqual({
    kind: 'switched',
    jar: EMPTY_JAR,
  });
});

test('passwords, keys and cookies are in no log line', async () => {
  const scene = loginScene({ url: legacy.url });
  const { jar } = await accepted(scene.logIn());
  await legacy.close();
  await scene.bridge.logOut(jar, scene.tenant('acme'));
  const lines = scene.logLines.join('');
  expect(lines).toContain('could not be told of a logout');
  for (const secret of ['acme-anna-pw', 'acme-legacy-4711', ...jar.cookies.map(({ value }) => value)])
    expect(lines).not.toContain(secret);
});

test('an intercepted login goes out byte for byte, less what is ours, and wants no compressed answer', async () => {
  const scene = loginScene({
    url: legacy.url,
    login: { intercept: { route: 'POST /api/login', legacyClient: true, cookieName: 'auth' } },
  });
  const body = Buffer.from('{ "user":"anna",  "password":"acme-anna-pw","company":"acme", "x":1.0 }');
  const { account } = await accepted(
    scene.logIn({
      received: {
        target: '/API/login?lang=de',
        fields: [
          'Content-Type',
          'application/json',
          'X-Odd',
          'caf\xe9',
          'x_api_key',
          'stolen',
          'Accept-Encoding',
          'br',
          'User-Agent',
          'Old/1',
          'Cookie',
          'theme=dark; auth=stale; lang=de',
        ],
        body,
      },
    }),
  );
  expect(account.subject).toBe('user:staff:acme:17');
  expect(lastReceived()?.target).toBe('/api/login?lang=de');
  expect(fieldsOf('content-length')).toEqual([String(body.length)]);
  expect(fieldsOf('x-api-key')).toEqual(['acme-legacy-4711']);
  expect(fieldsOf('x_api_key')).toEqual([]);
  expect(fieldsOf('accept-encoding')).toEqual([]);
  expect(fieldsOf('x-odd')).toEqual(['caf\xe9']);
  expect(fieldsOf('user-agent')).toEqual(['Old/1']);
  expect(fieldsOf('cookie')).toEqual(['theme=dark; lang=de']);
});
