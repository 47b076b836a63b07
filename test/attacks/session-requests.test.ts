import { describe, expect, it } from 'vitest';
import { type AttackedUsers, bearer, onBothStores, SESSION_COOKIE } from '../support/attacked-users.ts';
import type { RawAnswer } from '../support/raw-client.ts';
import { ANNA, cookieOf, LEGACY_KEYS, MEANT } from '../support/users-scene.ts';
import { HANDSHAKE } from '../support/web-socket-scene.ts';

const LISTED = 'https://app.example.com';
const FORGED: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    'a form of another site',
    ['Origin: https://evil.test', 'Sec-Fetch-Site: cross-site'],
    /Gatehouse-CSRF is missing/,
  ],
  [
    'a form of a sibling host',
    ['Origin: https://x.gw.test', 'Sec-Fetch-Site: same-site'],
    /Gatehouse-CSRF is missing/,
  ],
  ['an old browser that says nothing', [], /Gatehouse-CSRF is missing/],
  ['an empty field', ['Gatehouse-CSRF:', 'Sec-Fetch-Site: same-origin'], /Gatehouse-CSRF is missing/],
  ['the field twice', ['Gatehouse-CSRF: 1', 'Gatehouse-CSRF: 1', 'Sec-Fetch-Site: same-origin'], /repeated/],
  [
    'a field of another spelling',
    ['Gatehouse_CSRF: 1', 'Sec-Fetch-Site: same-origin'],
    /Gatehouse-CSRF is missing/,
  ],
  [
    'the field from another site',
    ['Gatehouse-CSRF: 1', 'Sec-Fetch-Site: cross-site', 'Origin: https://evil.test'],
    /neither our own nor listed/,
  ],
  ['the field from no site', ['Gatehouse-CSRF: 1', 'Sec-Fetch-Site: none'], /nor Origin/],
  [
    'two sites at once',
    ['Gatehouse-CSRF: 1', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Site: same-origin'],
    /nor Origin/,
  ],
  ['a sandboxed frame', ['Gatehouse-CSRF: 1', 'Origin: null'], /Origin is null/],
  [
    'two origins',
    ['Gatehouse-CSRF: 1', `Origin: ${LISTED}`, 'Origin: https://evil.test'],
    /Origin is null, empty or repeated/,
  ],
  [
    'an origin that begins like a listed one',
    ['Gatehouse-CSRF: 1', `Origin: ${LISTED}.evil.test`],
    /neither our own nor listed/,
  ],
  [
    'a listed origin in capitals',
    ['Gatehouse-CSRF: 1', `Origin: ${LISTED.toUpperCase()}`],
    /neither our own nor listed/,
  ],
  [
    'a listed origin with another port',
    ['Gatehouse-CSRF: 1', `Origin: ${LISTED}:8443`],
    /neither our own nor listed/,
  ],
  [
    'an origin of another client',
    ['Gatehouse-CSRF: 1', 'Origin: https://other.example.com'],
    /neither our own nor listed/,
  ],
  [
    'another host of ours',
    ['Gatehouse-CSRF: 1', 'Origin: http://globex.gw.test'],
    /neither our own nor listed/,
  ],
  [
    'our host by another scheme',
    ['Gatehouse-CSRF: 1', 'Origin: https://acme.gw.test'],
    /neither our own nor listed/,
  ],
];

/** A handshake that is in order, but for what `fields` say. */
function shake(scene: AttackedUsers, fields: readonly string[]): Promise<RawAnswer> {
  const handshake = Object.entries(HANDSHAKE).map(([name, value]) => `${name}: ${value}`);
  const lines = ['GET /live/x HTTP/1.1', 'Host: acme.gw.test', ...handshake, ...fields, '', ''];
  return scene.first.raw(lines.join('\r\n'));
}

onBothStores((scene) => {
  describe('C05 a page that makes a browser send what its user does not mean', () => {
    it.each(FORGED)('%s: nothing is forwarded, and no endpoint obeys', async (_, fields, reason) => {
      const cookie = await scene.session();
      scene.forget();
      const recorded = new RegExp(`^csrf_rejected: .*${reason.source}`);
      const posts: readonly (readonly [string, unknown])[] = [
        ['POST /api/echo/x', { a: 1 }],
        ['DELETE /api/echo/x', undefined],
        ['PATCH /api/echo/x', { a: 1 }],
        ['DELETE /session', undefined],
        ['POST /session/refresh', undefined],
        ['POST /session/ticket', undefined],
        ['POST /session/tenant', { tenant: 'globex' }],
      ];
      const answers = await Promise.all(
        posts.map(([line, body]) => scene.send(line, { fields: [cookie, ...fields], body })),
      );
      await scene.expectRefused(answers, '403 csrf_rejected', recorded);
      expect((await scene.send('GET /api/me', { fields: [cookie] })).status).toBe(200);
    });

    it.each(FORGED)('login CSRF: %s logs nobody in as somebody else', async (_, fields, reason) => {
      const answer = await scene.logIn({}, { fields });
      expect(answer.field('set-cookie')).toBeUndefined();
      await scene.expectRefused(
        answer,
        '403 csrf_rejected',
        new RegExp(`^csrf_rejected: .*${reason.source}`),
      );
    });

    it.each([
      ['text/plain', JSON.stringify(ANNA)],
      ['application/x-www-form-urlencoded', new URLSearchParams(ANNA).toString()],
      [
        'multipart/form-data; boundary=x',
        `--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nanna\r\n--x--`,
      ],
      ['application/json; charset=utf-16', JSON.stringify(ANNA)],
      ['application/jsonp', JSON.stringify(ANNA)],
      ['text/plain; application/json', JSON.stringify(ANNA)],
    ])('login CSRF: a form of type %s is no login', async (type, body) => {
      const answer = await scene.send('POST /session', { fields: [...MEANT, `Content-Type: ${type}`], body });
      await scene.expectRefused(
        answer,
        '400 request_malformed',
        'request_malformed: Content-Type is not application/json',
      );
    });

    it.each([
      ['another site', ['Origin: https://evil.test']],
      ['a sandboxed frame', ['Origin: null']],
      ['a sibling host', ['Origin: http://x.gw.test', 'Sec-Fetch-Site: same-site']],
      ['a site that hides', ['Sec-Fetch-Site: cross-site']],
      ['a link', ['Sec-Fetch-Site: none']],
    ])('on the routes of old clients: %s neither logs in nor out', async (_, fields) => {
      const body = { company: 'acme', user: 'anna', password: 'acme-anna-pw' };
      const cookie = `Cookie: auth=${cookieOf(await scene.send('POST /api/login', { body }), 'auth')}`;
      scene.forget();
      const answers = [
        await scene.send('POST /api/login', { body, fields }),
        await scene.send('POST /api/logout', { fields: [cookie, ...fields] }),
        await scene.send('POST /api/echo/x', { body: {}, fields: [cookie, ...fields] }),
      ];
      await scene.expectRefused(answers, '403 csrf_rejected', /^csrf_rejected: /);
      expect((await scene.send('GET /api/me', { fields: [cookie] })).status).toBe(200);
    });

    it('a method that is none of the usual ones is as unsafe as POST', async () => {
      const cookie = await scene.session();
      scene.forget();
      for (const method of ['PROPPATCH', 'LOCK', 'PUT', 'MKCOL']) {
        const answer = await scene.send(`${method} /api/echo/x`, { fields: [cookie] });
        await scene.expectRefused(answer, '403 csrf_rejected', /^csrf_rejected: /);
      }
    });

    it('GET with a method override in it is forwarded as GET, without the override', async () => {
      const cookie = await scene.session();
      scene.forget();
      const answer = await scene.send('GET /api/echo/x', {
        fields: [cookie, 'X-HTTP-Method-Override: DELETE'],
      });
      const request = scene.upstream.requests.at(-1);
      await scene.expectAdmitted(answer, 200, ['GET /api/echo/x']);
      expect(request?.field('x-http-method-override')).toBeUndefined();
    });
  });

  describe('M02, M03 OPTIONS', () => {
    const PREFLIGHT = [`Origin: ${LISTED}`, 'Access-Control-Request-Method: DELETE'];

    it('M02 that is no preflight gets past no route that wants a session', async () => {
      for (const fields of [[], [`Origin: ${LISTED}`], ['Access-Control-Request-Method: GET']]) {
        for (const path of ['/pages/x', '/api/me']) {
          const answer = await scene.send(`OPTIONS ${path}`, { fields });
          await scene.expectRefused(answer, '401 credential_missing', 'credential_missing: no credential');
        }
      }
    });

    it('M02 that is a preflight of a route without a policy is a request like others', async () => {
      const answer = await scene.send('OPTIONS /api/me', { fields: PREFLIGHT });
      await scene.expectRefused(answer, '401 credential_missing', 'credential_missing: no credential');
    });

    it('M03 that is a preflight with credentials and a body is answered here, and the credentials are not looked at', async () => {
      const cookie = await scene.session();
      for (const credential of [
        cookie,
        `Cookie: ${SESSION_COOKIE}=wrong`,
        bearer('gha_wrong'),
        `X-API-Key: ${LEGACY_KEYS.acme}`,
      ]) {
        for (const path of ['/pages/x', '/session', '/session/tenant', '/oauth/token']) {
          scene.forget();
          const answer = await scene.send(`OPTIONS ${path}`, {
            fields: [...PREFLIGHT, credential],
            body: { a: 1 },
          });
          await scene.expectAdmitted(answer, 204);
          expect(answer.field('access-control-allow-origin')).toBe(LISTED);
          expect(answer.field('set-cookie')).toBeUndefined();
        }
      }
    });
  });

  describe('M04 a page of an origin that nobody listed', () => {
    it.each([
      'null',
      'https://evil.test',
      `${LISTED}.evil.test`,
      'https://acme.gw.test.evil',
      'https://app.example.com.',
      'https://app.example.com/',
      'https://APP.example.com',
      'http://app.example.com',
      'https://evil.test, https://app.example.com',
      'https://app.example.com https://evil.test',
    ])('(%s) may read no answer, with a session or without, of routes and endpoints', async (origin) => {
      const cookie = await scene.session();
      const requests: readonly (readonly [string, readonly string[]])[] = [
        ['GET /pages/x', [cookie]],
        ['GET /pages/x', []],
        ['GET /session', [cookie]],
        ['GET /session', []],
        ['POST /session', []],
        ['POST /session/ticket', [cookie, 'Gatehouse-CSRF: 1']],
        ['POST /oauth/token', []],
        ['OPTIONS /pages/x', ['Access-Control-Request-Method: GET']],
        ['OPTIONS /session', ['Access-Control-Request-Method: POST']],
        ['OPTIONS /oauth/token', ['Access-Control-Request-Method: POST']],
      ];
      for (const [line, fields] of requests) {
        const answer = await scene.send(line, { fields: [...fields, `Origin: ${origin}`] });
        expect(answer.head).not.toMatch(/access-control-allow/i);
        expect(answer.all('vary').join()).toMatch(/Origin/);
      }
      await scene.expectAlive();
    });

    it('may read no answer about the session of another client, be its own origin listed by one', async () => {
      const cookie = await scene.session();
      const answer = await scene.send('GET /session', {
        fields: [cookie, 'Origin: https://other.example.com'],
      });
      expect(answer.status).toBe(200);
      expect(answer.head).not.toMatch(/access-control-allow/i);
    });

    it('is not let in by the upstream, which sets the fields itself', async () => {
      const cookie = await scene.session();
      scene.upstream.answers(
        'GET /pages/x',
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n\r\nok',
      );
      const answer = await scene.send('GET /pages/x', { fields: [cookie, 'Origin: https://evil.test'] });
      expect(answer.status).toBe(200);
      expect(answer.head).not.toMatch(/access-control-allow/i);
    });
  });

  describe('W03 a page of another site that opens a WebSocket with the cookie of its visitor', () => {
    it.each([
      'https://evil.test',
      'null',
      `${LISTED}.evil.test`,
      'https://other.example.com',
      'http://acme.gw.test.evil',
    ])('(%s) is refused before the upstream hears of it', async (origin) => {
      const cookie = await scene.session();
      scene.forget();
      const answer = await shake(scene, [cookie, `Origin: ${origin}`]);
      await scene.expectRefused(answer, '403 origin_forbidden', /^origin_forbidden: /);
    });

    it('is refused with two origins, and without a session', async () => {
      const cookie = await scene.session();
      scene.forget();
      const twice = await shake(scene, [cookie, `Origin: ${LISTED}`, 'Origin: https://evil.test']);
      expect(twice.status).toBeGreaterThanOrEqual(400);
      const none = await shake(scene, [`Origin: ${LISTED}`]);
      expect(none.status).toBe(401);
      expect(scene.received()).toEqual([]);
      await scene.expectAlive();
    });
  });
});
