import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RawAnswer } from '../support/raw-client.ts';
import { ANNA, cookieOf, MEANT, startUsersScene, type UsersScene } from '../support/users-scene.ts';
import { outcomeOf } from '../support/wire.ts';

const LISTED = 'https://app.example.com';
const SESSION = '__Host-gatehouse';
const REMEMBER = '__Secure-gatehouse-remember';

let scene: UsersScene;
beforeAll(async () => {
  scene = await startUsersScene({ audit: { requests: 'all' } });
});
afterAll(() => scene.stop());

function setCookies(answer: RawAnswer): readonly string[] {
  return answer.fields.filter(([name]) => name.toLowerCase() === 'set-cookie').map(([, value]) => value);
}

function accessControl(answer: RawAnswer): readonly string[] {
  return answer.fields.map(([name]) => name).filter((name) => /^access-control-/i.test(name));
}

/** Authorization with an access token of a user. */
async function grant(): Promise<string> {
  const { client_id: _, ...user } = ANNA;
  const form = new URLSearchParams({
    grant_type: 'password',
    client_id: 'desktop',
    scope: 'orders:read',
    ...user,
  });
  const type = 'Content-Type: application/x-www-form-urlencoded';
  const answer = await scene.send('POST /oauth/token', [type], form.toString());
  const { access_token } = JSON.parse(answer.body.toString()) as { readonly access_token: string };
  return `Authorization: Bearer ${access_token}`;
}

describe('a browser at the gateway', () => {
  test('logs in, is remembered, and logs out for good', async () => {
    const login = await scene.send('POST /session', MEANT, { ...ANNA, remember: true });
    expect(outcomeOf(login)).toBe('200');
    expect(setCookies(login)).toHaveLength(2);
    expect(login.field('cache-control')).toBe('no-store');
    const rememberMe = `Cookie: ${REMEMBER}=${cookieOf(login, REMEMBER)}`;

    const refreshed = await scene.send('POST /session/refresh', [...MEANT, rememberMe]);
    expect(outcomeOf(refreshed)).toBe('200');
    const session = `Cookie: ${SESSION}=${cookieOf(refreshed, SESSION)}`;
    expect(outcomeOf(await scene.send('GET /api/me', [session]))).toBe('200');
    expect(
      outcomeOf(await scene.send('GET /session', [`Cookie: ${SESSION}=${cookieOf(login, SESSION)}`])),
    ).toBe('401 credential_invalid');

    const end = await scene.send('DELETE /session', [...MEANT, session]);
    expect([end.status, end.body.length, end.field('content-length')]).toEqual([204, 0, undefined]);
    for (const line of ['GET /session', 'GET /api/me'])
      expect(outcomeOf(await scene.send(line, [session]))).toBe('401 credential_invalid');
    const successor = `Cookie: ${REMEMBER}=${cookieOf(refreshed, REMEMBER)}`;
    expect(outcomeOf(await scene.send('POST /session/refresh', [...MEANT, successor]))).toBe(
      '401 credential_invalid',
    );
  });

  test('that sends 50 refreshes at once gets one answer 50 times', async () => {
    const login = await scene.send('POST /session', MEANT, { ...ANNA, remember: true });
    const rememberMe = `Cookie: ${REMEMBER}=${cookieOf(login, REMEMBER)}`;
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => scene.send('POST /session/refresh', [...MEANT, rememberMe])),
    );
    expect(new Set(answers.map(outcomeOf))).toEqual(new Set(['200']));
    expect(new Set(answers.map((answer) => setCookies(answer).join())).size).toBe(1);
  });

  test('learns nothing but the head by HEAD', async () => {
    const session = `Cookie: ${SESSION}=${await scene.logIn()}`;
    const [get, head] = [
      await scene.send('GET /session', [session]),
      await scene.send('HEAD /session', [session]),
    ];
    expect(head.status).toBe(200);
    expect(head.raw).toHaveLength(0);
    expect(head.field('content-length')).toBe(String(get.body.length));
  });
});

describe('an access token of a user', () => {
  test('is traded for a ticket without any proof of a page, and opens what it opens, once', async () => {
    const token = await grant();
    const issued = await scene.send('POST /session/ticket', [token]);
    const { ticket } = JSON.parse(issued.body.toString()) as { readonly ticket: string };
    expect(outcomeOf(await scene.send(`GET /api/echo/x?ticket=${ticket}`))).toBe('200');
    expect(outcomeOf(await scene.send(`GET /api/echo/x?ticket=${ticket}`))).toBe('401 credential_invalid');
  });

  test('gets no ticket beside a session cookie, on a host of another tenant, or once it was revoked', async () => {
    const token = await grant();
    const session = `Cookie: ${SESSION}=${await scene.logIn()}`;
    const ask = (fields: readonly string[], host?: string) =>
      scene.send('POST /session/ticket', fields, undefined, host);
    expect(outcomeOf(await ask([token, session]))).toBe('400 credential_ambiguous');
    expect(outcomeOf(await ask([token, token]))).toBe('400 credential_ambiguous');
    expect(outcomeOf(await ask([token], 'globex.gw.test'))).toBe('403 tenant_mismatch');
    const form = new URLSearchParams({ client_id: 'desktop', token: token.slice(22) }).toString();
    await scene.send('POST /oauth/revoke', ['Content-Type: application/x-www-form-urlencoded'], form);
    expect(outcomeOf(await ask([token]))).toBe('401 credential_revoked');
  });
});

describe('C05: a cross-site form post', () => {
  const forms: readonly (readonly [string, string, string])[] = [
    ['as a form', 'application/x-www-form-urlencoded', 'client_id=web-app&username=anna'],
    ['as JSON that says it is text', 'text/plain', JSON.stringify(ANNA)],
    ['as an upload', 'multipart/form-data; boundary=b', '--b--'],
  ];
  test.each(forms)('%s logs nobody in', async (_, type, body) => {
    const fields = [`Content-Type: ${type}`, 'Origin: https://evil.test', 'Sec-Fetch-Site: cross-site'];
    const answer = await scene.send('POST /session', fields, body);
    expect(outcomeOf(answer)).toBe('400 request_malformed');
    expect(setCookies(answer)).toEqual([]);
  });

  test('with the cookie of a session changes nothing', async () => {
    const session = `Cookie: ${SESSION}=${await scene.logIn()}`;
    const fields = [session, 'Origin: https://evil.test', 'Sec-Fetch-Site: cross-site'];
    for (const line of ['POST /session/refresh', 'POST /session/ticket', 'DELETE /session'])
      expect(outcomeOf(await scene.send(line, fields))).toBe('403 csrf_rejected');
    expect(outcomeOf(await scene.send('GET /session', [session]))).toBe('200');
  });
});

describe('what could be read in two ways is refused', () => {
  test('Cookie twice, and one of ours twice in it', async () => {
    const session = `${SESSION}=${await scene.logIn()}`;
    for (const fields of [
      [`Cookie: ${session}`, 'Cookie: a=b'],
      [`Cookie: ${session}; ${session}`],
      [`Cookie: ${SESSION}=; ${session}`],
    ])
      expect(outcomeOf(await scene.send('GET /session', fields))).toBe('400 credential_ambiguous');
  });

  test('methods and bodies that an endpoint does not have', async () => {
    const put = await scene.send('PUT /session', MEANT, ANNA);
    expect([outcomeOf(put), put.field('allow')]).toEqual([
      '405 method_not_allowed',
      'GET, POST, DELETE, OPTIONS',
    ]);
    const long = await scene.send('POST /session', MEANT, { ...ANNA, password: 'x'.repeat(20_000) });
    expect(outcomeOf(long)).toBe('413 body_too_large');
  });
});

describe('pages of other origins', () => {
  test('M03: a preflight with a body and credentials is answered here, and none of them is looked at', async () => {
    const before = scene.legacy.received().length;
    const answer = await scene.send(
      'OPTIONS /session',
      [
        `Origin: ${LISTED}`,
        'Access-Control-Request-Method: POST',
        'Authorization: Bearer nonsense',
        `Cookie: ${SESSION}=nonsense`,
      ],
      ANNA,
    );
    expect(answer.status).toBe(204);
    expect(answer.field('access-control-allow-origin')).toBe(LISTED);
    expect(answer.field('vary')).toBe('Origin');
    expect(scene.legacy.received()).toHaveLength(before);
  });

  test.each(['null', 'https://evil.test', `${LISTED}.evil.test`, 'http://app.example.com'])(
    'M04: %s is told nothing that a browser would show it',
    async (origin) => {
      const session = `Cookie: ${SESSION}=${await scene.logIn()}`;
      for (const answer of [
        await scene.send('OPTIONS /session', [`Origin: ${origin}`, 'Access-Control-Request-Method: GET']),
        await scene.send('GET /session', [`Origin: ${origin}`, session]),
      ])
        expect(accessControl(answer)).toEqual([]);
    },
  );
});

describe('people inside', () => {
  test('read who logged in, and why somebody did not', async () => {
    const wrong = await scene.gateway.auditOf(
      await scene.send('POST /session', MEANT, { ...ANNA, password: 'very-wrong' }),
    );
    expect(wrong).toMatchObject({ decision: 'denied', code: 'credential_invalid', tenant: 'acme' });
    await scene.send('POST /session', MEANT, ANNA);
    const right = await scene.gateway.audited(({ reason }) => reason === 'logged in');
    expect(right).toMatchObject({
      decision: 'admitted',
      route: 'session',
      tenant: 'acme',
      subject: 'user:legacy:acme:17',
    });
  });

  test('never read a password, a cookie or a ticket', async () => {
    const login = await scene.send('POST /session', MEANT, {
      ...ANNA,
      remember: true,
      password: ANNA.password,
    });
    const session = `Cookie: ${SESSION}=${cookieOf(login, SESSION)}`;
    const issued = await scene.send('POST /session/ticket', [...MEANT, session]);
    const { ticket } = JSON.parse(issued.body.toString()) as { readonly ticket: string };
    await scene.gateway.audited(({ route }) => route === 'session-ticket');
    const told =
      scene.gateway.log() + JSON.stringify(await scene.gateway.admin('GET', '/v1/audit?limit=500'));
    expect(told).toContain('user:legacy:acme:17');
    for (const secret of [ANNA.password, cookieOf(login, SESSION), cookieOf(login, REMEMBER), ticket])
      expect(told).not.toContain(secret);
  });
});

test('a login while the upstream is down is 503 with when to try again', async () => {
  const lonely = await startUsersScene();
  try {
    await lonely.legacy.close();
    const answer = await lonely.send('POST /session', MEANT, ANNA);
    expect(outcomeOf(answer)).toBe('503 login_unavailable');
    expect(Number(answer.field('retry-after'))).toBeGreaterThan(0);
    expect(setCookies(answer)).toEqual([]);
  } finally {
    await lonely.gateway.stop();
  }
});
