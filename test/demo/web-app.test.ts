import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type Certificate,
  type CertificateAuthority,
  createCertificateAuthority,
} from '../support/certificates.ts';
import { type Browser, chromiumMissing, startBrowser } from '../support/chromium.ts';
import type { ConfigObject } from '../support/gateway.ts';
import { type DemoGateway, startDemoGateway } from './demo-gateway.ts';
import { ANNA, cookieNames, logIn, OTHER_ANNA, says, secondsLeft, shown } from './web-app-page.ts';

/** A company each, an address that means none, a neighbour that nobody trusts, and a stranger. */
const HOSTS = {
  acme: 'acme.gw.test',
  globex: 'globex.gw.test',
  shared: 'orders.test',
  neighbour: 'neighbour.gw.test',
  stranger: 'stranger.example',
} as const;

describe.skipIf(chromiumMissing !== undefined)(
  `the web app in a browser ${chromiumMissing ?? ''}`,
  {
    timeout: 90_000,
  },
  () => {
    let authority: CertificateAuthority | undefined;
    let certificate: Certificate;
    const scenes: DemoGateway[] = [];
    let scene: DemoGateway;
    let shortLived: DemoGateway;
    let otherSite: Server | undefined;
    let otherSitePort: number;
    let browser: Browser;

    async function startScene(sessions: ConfigObject): Promise<DemoGateway> {
      const tls = { cert: certificate.certPath, key: certificate.keyPath };
      const started = await startDemoGateway(sessions, {
        tenantHosts: ['{tenant}.gw.test'],
        listen: {
          public: { address: '127.0.0.1:0', tls },
          admin: '127.0.0.1:0',
          ops: '127.0.0.1:0',
        },
      });
      scenes.push(started);
      return started;
    }

    function appOf(host: string, at: DemoGateway = scene): string {
      return `https://${host}:${at.gateway.port}/app/`;
    }

    beforeAll(async () => {
      authority = createCertificateAuthority();
      certificate = authority.issue('gw', ['DNS:*.gw.test', `DNS:${HOSTS.shared}`]);
      [scene, shortLived] = await Promise.all([startScene({}), startScene({ ttl: '8s', ticket: '5s' })]);
      // Posts whatever its query says, as soon as it is opened.
      otherSite = createServer({ cert: certificate.cert, key: certificate.key }, (request, response) => {
        const { searchParams } = new URL(request.url ?? '', 'https://other.test');
        const type = searchParams.get('type') ?? 'text/plain';
        const fields = [...searchParams].filter(([name]) => name !== 'action' && name !== 'type');
        const inputs = fields.map(([name, value]) => `<textarea name='${name}'>${value}</textarea>`).join('');
        response.writeHead(200, { 'Content-Type': 'text/html' });
        response.end(
          `<form method="post" enctype="${type}" action="${searchParams.get('action')}">${inputs}<button id="go">Win a prize</button></form>`,
        );
      });
      otherSite.listen(0, '127.0.0.1');
      await once(otherSite, 'listening');
      otherSitePort = (otherSite.address() as AddressInfo).port;
    });
    afterAll(async () => {
      otherSite?.close();
      otherSite?.closeAllConnections();
      for (const each of scenes) await each.stop();
      authority?.remove();
    });
    beforeEach(async () => {
      browser = await startBrowser(Object.values(HOSTS));
    }, 60_000);
    afterEach(async () => {
      const sent = JSON.stringify(browser.setCookies);
      const policy = browser.complaints.filter((text) => text.includes('Content Security Policy'));
      await browser.close();
      // Whatever a test does: no cookie of the upstream reaches a browser, and no page breaks its own policy.
      expect(sent).not.toMatch(/ASP\.NET_SessionId|"auth=/);
      expect(policy).toEqual([]);
    }, 60_000);

    /** Status and code of the answer to the form that a page at this host posts. */
    async function postFrom(host: string, path: string, type: string, fields: ConfigObject): Promise<string> {
      const query = new URLSearchParams({
        action: `https://${HOSTS.acme}:${scene.gateway.port}${path}`,
        type,
      });
      for (const [name, value] of Object.entries(fields)) query.set(name, String(value));
      const page = await browser.open(`https://${host}:${otherSitePort}/?${query.toString()}`);
      const posted = page.waitForResponse((response) => response.request().method() === 'POST');
      await page.click('#go');
      const answer = await posted;
      await page.waitForLoadState();
      const { code } = JSON.parse((await page.textContent('body')) ?? '') as { readonly code: string };
      return `${answer.status()} ${code}`;
    }

    test('logs in, shows who the user is, and calls the API with a cookie that no script can read', async () => {
      const page = await browser.open(appOf(HOSTS.acme));
      await logIn(page, ANNA);
      expect(await shown(page)).toBe('Anna Ackermann · acme · clerk');
      await page.fill('#sku', 'Scheibe M8');
      await page.click('#order button');
      await page.waitForSelector('#orders li:has-text("Scheibe M8")');
      // A 64-bit id, exactly.
      expect(await page.textContent('#orders li')).toBe('9007199254740993: Schraube M8');
      await page.waitForSelector('#events:has-text("of acme")');

      expect(
        await page.evaluate('[document.cookie, localStorage.length, sessionStorage.length].join()'),
      ).toBe(',0,0');
      expect(await browser.context.cookies()).toMatchObject([
        {
          name: '__Host-gatehouse',
          domain: HOSTS.acme,
          path: '/',
          expires: -1,
          httpOnly: true,
          secure: true,
        },
      ]);
      const order = scene.legacy.received().findLast(({ method }) => method === 'POST');
      expect(order?.fields).toContainEqual(['X-User-Name', 'Anna Ackermann']);
      expect(JSON.stringify(scene.legacy.received())).not.toContain('__Host-gatehouse');
      expect(scene.pageRequests.flatMap(({ headers }) => headers.cookie ?? [])).toEqual([]);
    });

    test('says of a wrong password what it is, and sets no cookie', async () => {
      const page = await browser.open(appOf(HOSTS.acme));
      await logIn(page, { ...ANNA, password: 'typo' });
      await says(page, 'User name or password is wrong.');
      expect(await page.inputValue('#password')).toBe('');
      expect(await cookieNames(browser)).toBe('');
    });

    test('counts down to the end of the session, which calls do not put off, and asks for a login then', async () => {
      const page = await browser.open(appOf(HOSTS.acme, shortLived));
      await logIn(page, ANNA);
      await shown(page);
      const first = await secondsLeft(page);
      await page.locator('#countdown', { hasText: /^0:01$/ }).waitFor();
      await page.fill('#sku', 'Scheibe M8');
      await page.click('#order button');
      await says(page, 'The session has expired.');
      expect(first).toBeGreaterThan(1);
      expect(await page.isVisible('#login')).toBe(true);
      expect(await page.isVisible('#session')).toBe(false);
      const call = await page.evaluate(`fetch('/api/orders').then(({ status }) => status)`);
      expect(call).toBe(401);
    });

    test('runs on the plain HTTP of localhost too, as `npm run demo` has it', async () => {
      const plain = await startDemoGateway();
      scenes.push(plain);
      const page = await browser.open(`http://acme.localhost:${plain.gateway.port}/app/`);
      await logIn(page, { ...ANNA, isRemembered: true });
      expect(await shown(page)).toBe('Anna Ackermann · acme · clerk');
      await browser.restart();
      await says(await browser.open(`http://acme.localhost:${plain.gateway.port}/app/`), 'Welcome back.');
    });

    test('renews the session when asked to', async () => {
      const page = await browser.open(appOf(HOSTS.acme, shortLived));
      await logIn(page, ANNA);
      await shown(page);
      await page.locator('#countdown', { hasText: /^0:0[1-5]$/ }).waitFor();
      await page.click('#refresh');
      await says(page, 'The session has been renewed.');
      expect(await secondsLeft(page)).toBeGreaterThan(5);
      // One login, one cookie: a renewal writes none.
      expect(browser.setCookies.filter((value) => value.startsWith('__Host-gatehouse=ghs_'))).toHaveLength(1);
    });

    test('has the sessions of two companies at once, by their hosts, of two different people', async () => {
      const acme = await browser.open(appOf(HOSTS.acme));
      await logIn(acme, ANNA);
      const globex = await browser.open(appOf(HOSTS.globex));
      await logIn(globex, OTHER_ANNA);
      expect(await shown(globex)).toBe('Anna Gruber · globex · viewer');
      await acme.reload();
      expect(await shown(acme)).toBe('Anna Ackermann · acme · clerk');
      await acme.waitForSelector('#orders li:has-text("Mutter M8")');
      await globex.waitForSelector('#orders li:has-text("Doomsday device")');
      await globex.click('#logout');
      await says(globex, 'You are logged out.');
      await acme.reload();
      expect(await shown(acme)).toBe('Anna Ackermann · acme · clerk');
    });

    test('goes to another company on a shared host by a login of its own, which ends the session before', async () => {
      const page = await browser.open(appOf(HOSTS.shared));
      await logIn(page, { ...ANNA, company: 'acme' });
      expect(await shown(page)).toBe('Anna Ackermann · acme · clerk');
      const [before] = await browser.context.cookies();
      const refused = page.waitForResponse((response) => response.url().endsWith('/session/tenant'));
      await page.click('text=Go to globex');
      expect((await refused).status()).toBe(403);
      await says(page, 'This login is not for that company.');
      expect(await page.inputValue('#company')).toBe('globex');
      await logIn(page, OTHER_ANNA);
      expect(await shown(page)).toBe('Anna Gruber · globex · viewer');
      const [after] = await browser.context.cookies();
      expect(after?.value).not.toBe(before?.value);
      await browser.context.addCookies(before === undefined ? [] : [before]);
      await page.reload();
      await says(page, 'The session has ended.');
    });

    test('shows that an administrator has ended the session, without a click', async () => {
      const page = await browser.open(appOf(HOSTS.acme));
      await logIn(page, { ...ANNA, isRemembered: true });
      await page.waitForSelector('#events:has-text("of acme")');
      await scene.gateway.admin('POST', '/v1/sessions/end', { subject: 'user:legacy:acme:17' });
      await says(page, 'The session has ended.');
      expect(await page.isVisible('#session')).toBe(false);
    });

    test('logs out: the cookie is gone, and its value is worth nothing any more', async () => {
      const page = await browser.open(appOf(HOSTS.acme));
      await logIn(page, { ...ANNA, isRemembered: true });
      await shown(page);
      const cookies = await browser.context.cookies();
      await page.click('#logout');
      await says(page, 'You are logged out.');
      expect(await cookieNames(browser)).toBe('');
      await browser.context.addCookies(cookies);
      await page.reload();
      await says(page, 'The session has ended.');
    });

    test('comes back after the browser was closed only where it was to be remembered', async () => {
      await logIn(await browser.open(appOf(HOSTS.acme)), { ...ANNA, isRemembered: true });
      const forgotten = await browser.open(appOf(HOSTS.globex));
      await logIn(forgotten, OTHER_ANNA);
      await shown(forgotten);
      expect(await cookieNames(browser)).toBe(
        `__Host-gatehouse ${HOSTS.acme}, __Host-gatehouse ${HOSTS.globex}, __Secure-gatehouse-remember ${HOSTS.acme}`,
      );
      await browser.restart();
      expect(await cookieNames(browser)).toBe(`__Secure-gatehouse-remember ${HOSTS.acme}`);

      const globex = await browser.open(appOf(HOSTS.globex));
      await globex.waitForSelector('#login:not([hidden])');
      const acme = await browser.open(appOf(HOSTS.acme));
      await says(acme, 'Welcome back.');
      expect(await shown(acme)).toBe('Anna Ackermann · acme · clerk');
      await acme.waitForSelector('#orders li:has-text("Mutter M8")');
      expect(await acme.evaluate('document.cookie')).toBe('');
    });

    describe('a form of another page is refused', () => {
      test("of a neighbour's, with which the cookie goes along: 403 csrf_rejected, and nothing arrives", async () => {
        const page = await browser.open(appOf(HOSTS.acme));
        await logIn(page, ANNA);
        await shown(page);
        const cookieSent = browser.context.waitForEvent('request', (request) => request.method() === 'POST');
        expect(await postFrom(HOSTS.neighbour, '/api/orders', 'text/plain', { '{"sku":"': '"}' })).toBe(
          '403 csrf_rejected',
        );
        expect((await (await cookieSent).allHeaders())['cookie']).toMatch(/^__Host-gatehouse=ghs_/);
        const forms = scene.legacy
          .received()
          .filter(({ fields }) =>
            fields.some(([name, value]) => /type/i.test(name) && value === 'text/plain'),
          );
        expect(forms).toEqual([]);
      });

      test("of a stranger's, that would log the visitor in as somebody else: 403 csrf_rejected, no cookie", async () => {
        const login = { '{"company":"acme","user":"anna","password":"acme-anna-pw","x":"': '"}' };
        expect(await postFrom(HOSTS.stranger, '/api/login', 'text/plain', login)).toBe('403 csrf_rejected');
        expect(await cookieNames(browser)).toBe('');
      });
    });
  },
);
