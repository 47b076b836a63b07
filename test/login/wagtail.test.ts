import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { inputValue } from '../../src/login/html-inputs.ts';
import { eventually } from '../support/authentication.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { chromiumMissing, startBrowser } from '../support/chromium.ts';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import type { RawAnswer } from '../support/raw-client.ts';
import { cookieOf, MEANT } from '../support/users-scene.ts';
import { startWagtail, WAGTAIL_HOST, WAGTAIL_USERS, type Wagtail } from '../support/wagtail.ts';
import { outcomeOf, wire } from '../support/wire.ts';

const OWN = `https://${WAGTAIL_HOST}`;
/** What a browser says of a form on a page of ours. */
const OWN_FORM = ['Sec-Fetch-Site: same-origin', `Origin: ${OWN}`, `Referer: ${OWN}/admin/`] as const;
const { anna, bob, carl } = WAGTAIL_USERS;

const named = (name: string, token: string) => ({ csrfmiddlewaretoken: token, name, parent: '1' });

const emailOn = (page: RawAnswer) => inputValue(page.body.toString(), 'name_email-email');
const tokenOn = (page: RawAnswer) => inputValue(page.body.toString(), 'csrfmiddlewaretoken') ?? '';

const ENVIRONMENT = { env: { GATEHOUSE_ENCRYPTION_KEY: '5e'.repeat(32) } };

const started = await startWagtail();
const missing = typeof started === 'string' ? started : undefined;
console.log(missing === undefined ? `with ${(started as Wagtail).versions}` : `skipped: Wagtail, ${missing}`);

/** The example as it is, but for addresses and the store. */
function exampleConfig(target: string): ConfigObject {
  const file = path.resolve(import.meta.dirname, '../../docs/examples/wagtail.yaml');
  const { listen: _, store: __, ...config } = parse(readFileSync(file, 'utf8')) as ConfigObject;
  const { wagtail } = config['upstreams'] as { readonly wagtail: ConfigObject };
  return { ...config, upstreams: { wagtail: { ...wagtail, targets: [target] } } };
}

describe.skipIf(missing !== undefined)(
  'Wagtail, unchanged, with docs/examples/wagtail.yaml',
  { timeout: 30_000 },
  () => {
    const wagtail = started as Wagtail;
    let gateway: TestGateway;
    beforeAll(async () => {
      gateway = await startTestGateway(exampleConfig(wagtail.url), {
        env: { GATEHOUSE_ENCRYPTION_KEY: '5e'.repeat(32) },
      });
      // Its first login loads half of Django: on a busy machine that is more than a login may take.
      for (let tries = 0; tries < 3; tries += 1)
        if ((await tryLogIn(anna.username, anna.password)).status === 200) break;
      answers.length = 0;
    });
    afterAll(async () => {
      await gateway.stop();
      await wagtail.remove();
    });
    beforeEach(() => wagtail.endSessions());

    /** Every answer that a client got. */
    const answers: RawAnswer[] = [];

    /** As through the proxy that terminates TLS. A body is sent as a form, unless it is text. */
    async function send(
      line: string,
      fields: readonly string[] = [],
      body?: string | Readonly<Record<string, string>>,
    ): Promise<RawAnswer> {
      const forwarded = ['X-Forwarded-Proto: https', 'X-Forwarded-For: 203.0.113.7'];
      const text =
        body === undefined || typeof body === 'string' ? body : new URLSearchParams(body).toString();
      const type = typeof body === 'string' ? 'application/json' : 'application/x-www-form-urlencoded';
      const framing =
        text === undefined ? [] : [`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(text)}`];
      const answer = await gateway.raw(
        wire(line, [...forwarded, ...fields, ...framing], {
          host: WAGTAIL_HOST,
          body: Buffer.from(text ?? '').toString('latin1'),
        }),
      );
      answers.push(answer);
      return answer;
    }

    const tryLogIn = (username: string, password: string) =>
      send('POST /session', MEANT, JSON.stringify({ client_id: 'pages', username, password }));

    async function logIn({ username, password }: (typeof WAGTAIL_USERS)[keyof typeof WAGTAIL_USERS]) {
      return `Cookie: __Host-gatehouse=${cookieOf(await tryLogIn(username, password), '__Host-gatehouse')}`;
    }

    it('shows each user their own pages', async () => {
      const annas = await logIn(anna);
      const bobs = await logIn(bob);
      expect(emailOn(await send('GET /admin/account/', [annas]))).toBe(anna.email);
      expect(emailOn(await send('GET /admin/account/', [bobs]))).toBe(bob.email);
      expect(emailOn(await send('GET /admin/account/', [annas]))).toBe(anna.email);
      expect(wagtail.sessions()).toBe(2);
    });

    it('has its public pages for everybody, and the login form of the gateway for who would edit', async () => {
      expect((await send('GET /')).status).toBe(200);
      const page = await send('GET /admin/pages/');
      expect([page.status, page.field('content-type')]).toEqual([401, 'text/html; charset=utf-8']);
      expect(inputValue(page.body.toString(), 'password')).toBe('');
    });

    /** The answer to a login, less what is of its own time. */
    const said = async (username: string, password: string) => {
      const answer = await tryLogIn(username, password);
      const { decisionId: _, ...problem } = JSON.parse(answer.body.toString()) as ConfigObject;
      const names = answer.fields.map(([name]) => name);
      return { status: answer.status, problem, names };
    };

    it('S02: says the same of a wrong password, an unknown user, and one who may not edit', async () => {
      const wrong = await said('anna', 'wrong');
      expect(wrong).toMatchObject({ status: 401, problem: { code: 'credential_invalid' } });
      expect(await said('nobody', 'wrong')).toEqual(wrong);
      expect(await said(carl.username, carl.password)).toEqual(wrong);
    });

    it('knows a user under one name only, though Wagtail takes others for it', async () => {
      for (const username of [' bob', 'bob ', 'ｂob', 'BOB'])
        expect(outcomeOf(await tryLogIn(username, bob.password))).toBe('401 credential_invalid');
      await logIn(bob);
      const { sessions } = await gateway.admin<{ sessions: { subject: string }[] }>('GET', '/v1/sessions');
      expect(new Set(sessions.map(({ subject }) => subject).filter((each) => /bob/i.test(each)))).toEqual(
        new Set(['user:wagtail:site:bob']),
      );
    });

    describe('a form of its own', () => {
      it('changes something when it is posted from its page with its token', async () => {
        const cookie = await logIn(anna);
        const page = await send('GET /admin/collections/add/', [cookie]);
        const form = named('From a form', tokenOn(page));
        const posted = await send('POST /admin/collections/add/', [cookie, ...OWN_FORM], form);
        expect([posted.status, posted.field('location')]).toEqual([302, '/admin/collections/']);
        expect((await send('GET /admin/collections/', [cookie])).body.toString()).toContain('From a form');
      });

      it('changes nothing without the token of the application, nor from a page elsewhere', async () => {
        const cookie = await logIn(anna);
        const token = tokenOn(await send('GET /admin/collections/add/', [cookie]));
        const post = async (fields: readonly string[], form: Readonly<Record<string, string>>) =>
          (await send('POST /admin/collections/add/', [cookie, ...fields], form)).status;
        expect(await post(OWN_FORM, named('Forged', 'x'.repeat(64)))).toBe(403);
        const before = gateway.log().length;
        const elsewhere = ['Sec-Fetch-Site: cross-site', 'Origin: https://evil.example'];
        expect(await post(elsewhere, named('Forged', token))).toBe(403);
        expect(await post(['Sec-Fetch-Site: same-site', `Origin: ${OWN}`], named('Forged', token))).toBe(403);
        expect(await post(['Origin: null'], named('Forged', token))).toBe(403);
        expect(await post([], named('Forged', token))).toBe(403);
        expect(
          gateway
            .log()
            .slice(before)
            .match(/csrf_rejected/g)?.length,
        ).toBeGreaterThanOrEqual(4);
        expect((await send('GET /admin/collections/', [cookie])).body.toString()).not.toContain('Forged');
      });

      it('cannot log another user in under the same session', async () => {
        const cookie = await logIn(bob);
        const form = { csrfmiddlewaretoken: 'x', username: anna.username, password: anna.password };
        for (const line of ['POST /admin/login/', 'POST /admin/login', 'POST /admin/%6cogin/'])
          expect((await send(line, [cookie, ...OWN_FORM], form)).status).toBe(405);
        expect(emailOn(await send('GET /admin/account/', [cookie]))).toBe(bob.email);
      });
    });

    it('gets its own cookies from us alone, whatever a browser has under their names', async () => {
      const cookie = await logIn(anna);
      const bobs = await logIn(bob);
      const planted = `${cookie}; sessionid=planted; csrftoken=${'p'.repeat(32)}`;
      const page = await send('GET /admin/collections/add/', [planted]);
      const posted = await send(
        'POST /admin/collections/add/',
        [planted, ...OWN_FORM],
        named('Own', tokenOn(page)),
      );
      expect(posted.status).toBe(302);
      expect(emailOn(await send('GET /admin/account/', [bobs]))).toBe(bob.email);
    });

    it('logs out with us: neither session is left', async () => {
      const cookie = await logIn(anna);
      expect(wagtail.sessions()).toBe(1);
      expect((await send('DELETE /session', [cookie, ...MEANT])).status).toBe(204);
      await eventually(() => Promise.resolve(wagtail.sessions() === 0), 'the end of its session');
      expect((await send('GET /admin/account/', [cookie])).status).toBe(401);
    });

    it('logs us out with it, by its own button', async () => {
      const cookie = await logIn(anna);
      const token = tokenOn(await send('GET /admin/account/', [cookie]));
      const button = await send('POST /admin/logout/', [cookie, ...OWN_FORM], { csrfmiddlewaretoken: token });
      expect(button.status).toBe(302);
      expect(wagtail.sessions()).toBe(0);
      await eventually(
        async () => (await send('GET /admin/account/', [cookie])).status === 401,
        'the end of ours',
      );
    });

    it('ends our session when its own has ended behind our back, and only that', async () => {
      const cookie = await logIn(anna);
      wagtail.endSessions();
      const bobs = await logIn(bob);
      await eventually(
        async () => (await send('GET /admin/account/', [cookie])).status === 401,
        'the end of ours',
      );
      expect(outcomeOf(await send('GET /session', [cookie]))).toBe('401 credential_invalid');
      expect(emailOn(await send('GET /admin/account/', [bobs]))).toBe(bob.email);
    });

    it.skipIf(chromiumMissing)(
      'is used in a browser with nothing but its pages and the form of ours',
      async () => {
        const authority = createCertificateAuthority();
        const { certPath, keyPath } = authority.issue('cms', [`DNS:${WAGTAIL_HOST}`]);
        const secure = await startTestGateway(
          {
            ...exampleConfig(wagtail.url),
            listen: {
              public: { address: '127.0.0.1:0', tls: { cert: certPath, key: keyPath } },
              admin: '127.0.0.1:0',
              ops: '127.0.0.1:0',
            },
          },
          ENVIRONMENT,
        );
        const browser = await startBrowser([WAGTAIL_HOST], `127.0.0.1:${secure.port}`);
        try {
          const page = await browser.open(`${OWN}/admin/collections/add/`);
          await page.fill('[name=username]', anna.username);
          await page.fill('[name=password]', 'wrong');
          await page.click('button');
          await page.waitForFunction("document.querySelector('output')?.value === 'Wrong.'");
          await page.fill('[name=password]', anna.password);
          await page.click('button');
          await page.fill('[name=name]', 'From a browser');
          await page.selectOption('[name=parent]', '1');
          await page.press('[name=name]', 'Enter');
          await page.waitForURL(`${OWN}/admin/collections/`);
          expect(await page.textContent('main')).toContain('From a browser');

          await page.goto(`${OWN}/admin/account/`);
          expect(await page.inputValue('[name=name_email-email]')).toBe(anna.email);
          const names = (await browser.context.cookies()).map(({ name }) => name);
          expect(names).toEqual(['__Host-gatehouse']);
          wagtail.endSessions();
          await eventually(async () => {
            await page.goto(`${OWN}/admin/account/`);
            return (await page.locator('[name=username]').count()) === 1;
          }, 'the form of ours');
          expect(browser.setCookies.filter((value) => !/^__(?:Host|Secure)-gatehouse/.test(value))).toEqual(
            [],
          );
        } finally {
          await browser.close();
          await secure.stop();
          authority.remove();
        }
      },
    );

    it('is not taken for a wrong password while it is down, and keeps its sessions', async () => {
      const cookie = await logIn(anna);
      await wagtail.stop();
      try {
        const answer = await tryLogIn(anna.username, anna.password);
        expect(outcomeOf(answer)).toBe('503 login_unavailable');
        expect(answer.field('retry-after')).toMatch(/^\d+$/);
      } finally {
        await wagtail.restart();
      }
      await eventually(
        async () => emailOn(await send('GET /admin/account/', [cookie])) === anna.email,
        'the page after the restart',
      );
    });

    it('sets cookies that no client ever sees', () => {
      const names = answers.flatMap(({ fields }) =>
        fields
          .filter(([name]) => name.toLowerCase() === 'set-cookie')
          .map(([, value]) => value.split('=', 1)[0]),
      );
      expect(answers.length).toBeGreaterThan(30);
      expect(new Set(names)).toEqual(new Set(['__Host-gatehouse', '__Secure-gatehouse-remember']));
      expect(gateway.log()).not.toContain(anna.password);
    });
  },
);
