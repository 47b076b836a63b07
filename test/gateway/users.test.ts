import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ANNA,
  cookieOf,
  LEGACY_KEYS,
  MEANT,
  startUsersScene,
  type UsersScene,
} from '../support/users-scene.ts';
import { outcomeOf } from '../support/wire.ts';

let scene: UsersScene;
beforeAll(async () => {
  scene = await startUsersScene();
  await scene.gateway.admin('POST', '/v1/keys/import', {
    key: LEGACY_KEYS.acme,
    tenant: 'acme',
    name: 'old client',
  });
});
afterAll(() => scene.stop());

function received(name: string): readonly string[] {
  return scene
    .lastReceived()
    .fields.filter(([field]) => field.toLowerCase() === name)
    .map(([, value]) => value);
}

describe('an old client, of which only the base URL was changed', () => {
  const KEY = `X-API-Key: ${LEGACY_KEYS.acme}`;
  const LOGIN = { company: 'acme', user: 'anna', password: 'acme-anna-pw' };

  it('posts its login with key and password, and goes on with key and cookie', async () => {
    const login = await scene.send('POST /api/login', [KEY], LOGIN);
    expect(outcomeOf(login)).toBe('200');
    expect(JSON.parse(login.body.toString())).toMatchObject({ user: { id: 17, name: 'Anna Ackermann' } });
    const names = login.fields.filter(([name]) => name.toLowerCase() === 'set-cookie');
    expect(names).toHaveLength(1);
    const cookie = cookieOf(login, 'auth');
    expect(cookie).toMatch(/^ghs_/);

    const me = await scene.send('GET /api/me', [KEY, `Cookie: auth=${cookie}; theme=dark`]);
    expect(outcomeOf(me)).toBe('200');
    expect(received('cookie').join()).toMatch(/^theme=dark; ASP\.NET_SessionId=[0-9a-f]+; auth=[0-9A-F]+$/);
    expect(received('x-user-id')).toEqual(['17']);
    expect(received('x-tenant-id')).toEqual(['acme']);
    expect(received('x-api-key')).toEqual([LEGACY_KEYS.acme]);
    expect(JSON.stringify(scene.lastReceived())).not.toContain(cookie);

    const posted = await scene.send('POST /api/echo/x', [KEY, `Cookie: auth=${cookie}`], { a: 1 });
    expect(outcomeOf(posted)).toBe('200');
    const out = await scene.send('POST /api/logout', [KEY, `Cookie: auth=${cookie}`]);
    expect(outcomeOf(out)).toBe('200');
    expect(out.field('set-cookie')).toMatch(/^auth=;/);
    expect(outcomeOf(await scene.send('GET /api/me', [KEY, `Cookie: auth=${cookie}`]))).toBe(
      '401 credential_invalid',
    );
  });

  it('hears of a wrong password what it always heard, byte for byte, and gets no cookie', async () => {
    const answer = await scene.send('POST /api/login', [KEY], { ...LOGIN, password: 'wrong' });
    expect(answer.status).toBe(401);
    expect(answer.body.toString()).toContain('Login failed');
    expect(answer.field('set-cookie')).toBeUndefined();
  });

  it('cannot go past the count of failed logins by spelling the route in another way', async () => {
    const answer = await scene.send('POST /API/%6cogin/', [KEY], { ...LOGIN, password: 'wrong' });
    const record = await scene.gateway.audited(({ path }) => path === '/API/%6cogin/');
    expect(answer.status).toBe(401);
    expect(record).toMatchObject({ route: 'login-legacy', decision: 'denied' });
  });
});

describe('a browser session', () => {
  it('logs in, calls and logs out, and the browser sees no cookie of the upstream', async () => {
    const cookie = await scene.logIn();
    const me = await scene.send('GET /api/me', [`Cookie: __Host-gatehouse=${cookie}`]);
    expect(outcomeOf(me)).toBe('200');
    expect(received('x-user-id')).toEqual(['17']);
    const view = await scene.send('GET /session', [`Cookie: __Host-gatehouse=${cookie}`]);
    expect(JSON.parse(view.body.toString())).toMatchObject({ tenant: 'acme', client_id: 'web-app' });
    const end = await scene.send('DELETE /session', [...MEANT, `Cookie: __Host-gatehouse=${cookie}`]);
    expect(end.status).toBe(204);
    expect(outcomeOf(await scene.send('GET /api/me', [`Cookie: __Host-gatehouse=${cookie}`]))).toBe(
      '401 credential_invalid',
    );
  });

  it('changes nothing unless its page means it', async () => {
    const cookie = `Cookie: __Host-gatehouse=${await scene.logIn()}`;
    const post = async (fields: readonly string[]) =>
      outcomeOf(await scene.send('POST /api/echo/x', [cookie, ...fields], { a: 1 }));
    expect(await post([])).toBe('403 csrf_rejected');
    expect(await post(['Gatehouse-CSRF: 1'])).toBe('403 csrf_rejected');
    expect(await post(['Gatehouse-CSRF: 1', 'Sec-Fetch-Site: cross-site', 'Origin: https://evil.test'])).toBe(
      '403 csrf_rejected',
    );
    expect(await post(['Gatehouse-CSRF: 1', 'Origin: https://app.example.com'])).toBe('200');
    expect(await post(['Gatehouse-CSRF: 1', 'Origin: http://acme.gw.test'])).toBe('200');
    expect(await post(MEANT)).toBe('200');
    expect(received('gatehouse-csrf')).toEqual([]);
  });

  it('is good on the host that it was issued for, and on no other', async () => {
    const cookie = `Cookie: __Host-gatehouse=${await scene.logIn()}`;
    expect(outcomeOf(await scene.send('GET /api/me', [cookie], undefined, 'globex.gw.test'))).toBe(
      '403 tenant_mismatch',
    );
    expect(outcomeOf(await scene.send('GET /api/me', [cookie], undefined, 'other.test'))).toBe(
      '403 tenant_mismatch',
    );
  });

  it('ends when that of the upstream is gone, which a probe has to confirm', async () => {
    const cookie = await scene.logIn();
    const fields = [`Cookie: __Host-gatehouse=${cookie}`];
    await scene.send('GET /api/me', fields);
    const kept = received('cookie').join();
    await fetch(`${scene.legacy.url}/api/logout`, { method: 'POST', headers: { cookie: kept } });
    expect((await scene.send('GET /api/me', fields)).status).toBe(401);
    await scene.gateway.audited(({ code }) => code === 'credential_invalid').catch(() => undefined);
    for (let tries = 0; tries < 100; tries += 1) {
      const answer = await scene.send('GET /api/echo/x', fields);
      if (answer.status === 401) return;
    }
    throw new Error('the session lives on');
  });

  it('opens with a ticket, once, what cannot send a field; the upstream never sees it', async () => {
    const cookie = await scene.logIn();
    const issued = await scene.send('POST /session/ticket', [...MEANT, `Cookie: __Host-gatehouse=${cookie}`]);
    const { ticket } = JSON.parse(issued.body.toString()) as { ticket: string };
    expect(outcomeOf(await scene.send(`GET /api/echo/x?a=1&ticket=${ticket}&b`))).toBe('200');
    expect(scene.lastReceived().target).toBe('/api/echo/x?a=1&b');
    expect(outcomeOf(await scene.send(`GET /api/echo/x?ticket=${ticket}`))).toBe('401 credential_invalid');
  });

  it('opens with a ticket beside its own cookie, which browsers send unasked, and not beside that of another', async () => {
    const ask = async (cookie: string, besides: string) => {
      const issued = await scene.send('POST /session/ticket', [
        ...MEANT,
        `Cookie: __Host-gatehouse=${cookie}`,
      ]);
      const { ticket } = JSON.parse(issued.body.toString()) as { ticket: string };
      const fields = [`Cookie: __Host-gatehouse=${besides}`];
      return outcomeOf(await scene.send(`GET /api/echo/x?ticket=${ticket}`, fields));
    };
    const [one, other] = [
      await scene.logIn(),
      await scene.logIn({ username: 'bert', password: 'acme-bert-pw' }),
    ];
    expect(await ask(one, one)).toBe('200');
    expect(await ask(one, other)).toBe('400 credential_ambiguous');
  });
});

describe('the password grant', () => {
  it('gives tokens for which the same cookies of the upstream are kept', async () => {
    const form = new URLSearchParams({
      grant_type: 'password',
      client_id: 'desktop',
      username: ANNA.username,
      password: ANNA.password,
    });
    const answer = await scene.send(
      'POST /oauth/token',
      ['Content-Type: application/x-www-form-urlencoded'],
      form.toString(),
    );
    expect(outcomeOf(answer)).toBe('200');
    const { access_token } = JSON.parse(answer.body.toString()) as { access_token: string };
    expect(outcomeOf(await scene.send('GET /api/me', [`Authorization: Bearer ${access_token}`]))).toBe('200');
    expect(received('cookie').join()).toMatch(/^ASP\.NET_SessionId=/);
  });
});

describe('the audit stream', () => {
  it('has every login and logout, though it has no other request that was admitted', async () => {
    const quiet = await startUsersScene({ audit: { requests: 'denied' } });
    try {
      const cookie = await quiet.logIn();
      const fields = [...MEANT, `Cookie: __Host-gatehouse=${cookie}`];
      await quiet.send('GET /api/me', fields);
      await quiet.send('DELETE /session', fields);
      await quiet.gateway.audited(({ method }) => method === 'DELETE');
      const { records } = await quiet.gateway.admin<{
        records: { method?: string; code: string; subject?: string }[];
      }>('GET', '/v1/audit');
      expect(records.filter(({ method }) => method !== undefined)).toMatchObject([
        { method: 'POST', code: 'admitted', subject: 'user:legacy:acme:17' },
        { method: 'DELETE', code: 'admitted', subject: 'user:legacy:acme:17' },
      ]);
    } finally {
      await quiet.stop();
    }
  });
});

describe('a page of another origin', () => {
  it('can read that the gateway could not say, if a client lists it', async () => {
    const origin = 'Origin: https://app.example.com';
    const wrong = await scene.send('POST /session', [origin, 'Gatehouse-CSRF: 1'], `{${'x'.repeat(20_000)}}`);
    expect(outcomeOf(wrong)).toBe('413 body_too_large');
    expect(wrong.field('access-control-allow-origin')).toBe('https://app.example.com');
    const evil = await scene.send('POST /session', ['Origin: https://evil.test'], `{${'x'.repeat(20_000)}}`);
    expect(evil.field('access-control-allow-origin')).toBeUndefined();
  });
});
