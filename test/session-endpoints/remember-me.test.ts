import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../sessions/rotation-options.ts';
import { onBothStores } from '../sessions/scene.ts';
import {
  ask,
  type Browser,
  type CallOptions,
  loggedIn,
  OWN_PAGE,
  REMEMBER_COOKIE,
  SESSION_COOKIE,
} from './browser.ts';
import { APP_ORIGIN, type BrowserScene, openBrowserScene } from './browser-scene.ts';

const BERT = { username: 'bert', password: 'acme-bert-pw' };

function pairOf(browser: Browser, name: string): string {
  return `${name}=${browser.cookies.get(name)?.value}`;
}

onBothStores((store) => {
  let scene: BrowserScene;
  beforeEach(async () => {
    scene = await openBrowserScene(store());
  });
  afterEach(() => scene.close());

  const remembered = (body: Readonly<Record<string, unknown>> = {}, host?: string) =>
    loggedIn(scene, { remember: true, ...body }, host);
  const refresh = (cookie: string, options: CallOptions = {}) =>
    ask(scene, 'POST', '/session/refresh', {
      ...options,
      fields: { ...OWN_PAGE, cookie, ...options.fields },
    });

  test('after a restart of the browser the remember-me cookie is traded for a new session and its successor', async () => {
    const browser = await remembered();
    const [oldSession, oldRemember] = [SESSION_COOKIE, REMEMBER_COOKIE].map((name) => pairOf(browser, name));
    browser.restart();
    scene.travel(20 * DAY);
    expect((await browser.ask('GET', '/session')).json['code']).toBe('credential_missing');
    const answer = await browser.ask('POST', '/session/refresh');
    expect(answer.json).toMatchObject({
      tenant: 'acme',
      expires_in: 1800,
      absolute_expires_in: 43_200,
      authenticated_at: Math.floor((scene.now() - 20 * DAY) / 1000),
      remembered: true,
    });
    expect(answer.setCookies[1]).toMatch(/Max-Age=864000$/);
    expect(pairOf(browser, REMEMBER_COOKIE)).not.toBe(oldRemember);
    expect(pairOf(browser, SESSION_COOKIE)).not.toBe(oldSession);
    expect((await browser.ask('GET', '/session')).status).toBe(200);
  });

  test('an expired session cookie beside it does not matter', async () => {
    const browser = await remembered();
    scene.travel(HOUR);
    expect((await browser.ask('POST', '/session/refresh')).status).toBe(200);
    expect((await browser.ask('GET', '/session')).status).toBe(200);
  });

  test('while the session lives it is renewed, and nothing is traded', async () => {
    const browser = await remembered();
    const before = pairOf(browser, REMEMBER_COOKIE);
    const answer = await browser.ask('POST', '/session/refresh');
    expect(answer.status).toBe(200);
    expect(answer.setCookies).toEqual([]);
    browser.restart();
    expect(pairOf(browser, REMEMBER_COOKIE)).toBe(before);
    expect((await browser.ask('POST', '/session/refresh')).status).toBe(200);
  });

  test('it ends with the time that the configuration gives it, however often it was traded', async () => {
    const browser = await remembered();
    for (const days of [10, 10, 9]) {
      scene.travel(days * DAY);
      browser.restart();
      expect((await browser.ask('POST', '/session/refresh')).status).toBe(200);
    }
    scene.travel(DAY);
    browser.restart();
    const answer = await browser.ask('POST', '/session/refresh');
    expect(answer.status).toBe(401);
  });

  test('50 tabs at once all get the same cookies, 20 times in a row', async () => {
    const browser = await remembered();
    for (let round = 0; round < 20; round += 1) {
      browser.restart();
      scene.travel(HOUR);
      const cookie = browser.cookieFor('/session/refresh');
      const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(cookie)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(new Set(answers.map(({ setCookies, body }) => JSON.stringify([setCookies, body]))).size).toBe(1);
      await browser.ask('POST', '/session/refresh');
      expect((await browser.ask('GET', '/session')).status).toBe(200);
    }
  });

  test('an old one that comes back ends the session, deletes the cookies and says so to the people inside', async () => {
    const browser = await remembered();
    const stolen = pairOf(browser, REMEMBER_COOKIE);
    browser.restart();
    await browser.ask('POST', '/session/refresh');
    scene.travel(11_000);
    const thief = await refresh(stolen);
    expect([thief.status, thief.json['code']]).toEqual([401, 'credential_invalid']);
    expect(thief.record.reason).toMatch(/old remember-me cookie came back, so session \w{16} has been ended/);
    expect(thief.setCookies.map((cookie) => cookie.includes('Max-Age=0'))).toEqual([true, true]);
    expect((await browser.ask('GET', '/session')).status).toBe(401);
    expect((await browser.ask('POST', '/session/refresh')).status).toBe(401);
  });

  describe('is of no use', () => {
    test('twice in one request', async () => {
      const cookie = pairOf(await remembered(), REMEMBER_COOKIE);
      const answer = await refresh(`${cookie}; ${cookie}`);
      expect([answer.status, answer.json['code']]).toEqual([400, 'credential_ambiguous']);
      expect((await refresh(cookie)).status).toBe(200);
    });

    test('on another host, and stays what it is on its own', async () => {
      const cookie = pairOf(await remembered({}, 'acme.gw.test'), REMEMBER_COOKIE);
      for (const host of ['gw.test', 'globex.gw.test'])
        expect((await refresh(cookie, { host })).json['code']).toBe('tenant_mismatch');
      expect((await refresh(cookie, { host: 'acme.gw.test' })).status).toBe(200);
    });

    test('as a session cookie, nor a session cookie as one', async () => {
      const browser = await remembered();
      const values = [SESSION_COOKIE, REMEMBER_COOKIE].map((name) => browser.cookies.get(name)?.value);
      const swapped = [`${SESSION_COOKIE}=${values[1]}`, `${REMEMBER_COOKIE}=${values[0]}`];
      for (const cookie of swapped) expect((await refresh(cookie)).json['code']).toBe('credential_invalid');
      expect((await browser.ask('POST', '/session/refresh')).status).toBe(200);
    });

    test('to a page elsewhere, and is not traded by it', async () => {
      const browser = await remembered();
      browser.restart();
      const fields = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' };
      const answer = await browser.ask('POST', '/session/refresh', { fields });
      expect([answer.status, answer.json['code']]).toEqual([403, 'csrf_rejected']);
      expect((await browser.ask('POST', '/session/refresh')).status).toBe(200);
    });

    test('when its user was taken back, or its tenant is suspended', async () => {
      const browser = await remembered();
      browser.restart();
      await scene.suspend('acme');
      expect((await browser.ask('POST', '/session/refresh')).json['code']).toBe('tenant_suspended');
      await scene.revoke({ kind: 'subject', subject: 'user:team:17' });
      expect((await browser.ask('POST', '/session/refresh')).json['code']).toBe('credential_revoked');
    });
  });

  test('a page of a listed origin may trade it and read the answer', async () => {
    const browser = await remembered();
    browser.restart();
    const fields = { 'sec-fetch-site': 'same-site', origin: APP_ORIGIN };
    const answer = await browser.ask('POST', '/session/refresh', { fields });
    expect(answer.status).toBe(200);
    expect(answer.all('access-control-allow-origin')).toEqual([APP_ORIGIN]);
  });

  describe('two cookies of different users end both sessions', () => {
    test.each([0, HOUR])('when that of the session is %i ms old', async (age) => {
      const anna = await remembered();
      const bert = await remembered(BERT);
      scene.travel(age);
      const cookie = `${pairOf(anna, SESSION_COOKIE)}; ${pairOf(bert, REMEMBER_COOKIE)}`;
      const answer = await refresh(cookie);
      expect([answer.status, answer.json['code']]).toEqual([401, 'credential_invalid']);
      expect(answer.record.reason).toMatch(/two cookies of different subjects/);
      expect(answer.setCookies.map((each) => each.includes('Max-Age=0'))).toEqual([true, true]);
      for (const browser of [anna, bert])
        expect((await browser.ask('POST', '/session/refresh')).status).toBe(401);
    });

    test('but not for a guess at the other one', async () => {
      const anna = await remembered();
      const bert = await remembered(BERT);
      const guess = `${pairOf(bert, REMEMBER_COOKIE).slice(0, -44)}${'x'.repeat(44)}`;
      expect((await refresh(`${pairOf(anna, SESSION_COOKIE)}; ${guess}`)).status).toBe(200);
      for (const browser of [anna, bert]) expect((await browser.ask('GET', '/session')).status).toBe(200);
    });
  });

  test('one that a login without remembering finds is deleted', async () => {
    const browser = await remembered();
    await browser.ask('POST', '/session', {
      body: { client_id: 'web', tenant: 'acme', ...BERT },
    });
    expect([...browser.cookies.keys()]).toEqual([SESSION_COOKIE]);
  });
});
