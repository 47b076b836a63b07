import { describe, expect, it } from 'vitest';
import { onBothStores, REMEMBER_COOKIE, SESSION_COOKIE } from '../support/attacked-users.ts';
import { rawAnswer } from '../support/legacy-login.ts';
import { connectRaw } from '../support/raw-client.ts';
import { cookieOf, LEGACY_KEYS } from '../support/users-scene.ts';
import { HANDSHAKE } from '../support/web-socket-scene.ts';

onBothStores((scene) => {
  const lastCookie = () => scene.upstream.requests.at(-1)?.field('cookie');

  describe('C10 an upstream that sets cookies of ours, or for a whole domain', () => {
    const OURS = [
      `${SESSION_COOKIE}=evil; Path=/; Secure`,
      ` ${SESSION_COOKIE} =evil; Path=/; Secure`,
      `${SESSION_COOKIE}\t=evil`,
      `=${SESSION_COOKIE}=evil; Path=/; Secure`,
      '=evil',
      SESSION_COOKIE,
      `${REMEMBER_COOKIE}=evil; Path=/session/refresh; Secure`,
      'auth=evil; Path=/',
      'ASP.NET_SessionId=evil; Path=/; HttpOnly',
      ' auth = evil ; Domain=gw.test',
    ].map((value) => `Set-Cookie: ${value}`);

    it.each([
      ['200', rawAnswer(200, 'ok', OURS)],
      ['304', `HTTP/1.1 304 Not Modified\r\n${OURS.join('\r\n')}\r\n\r\n`],
      ['404', rawAnswer(404, 'no', OURS)],
      ['500', rawAnswer(500, 'no', OURS)],
      ['302', rawAnswer(302, '', ['Location: /x', ...OURS])],
      [
        '103 and 200',
        `HTTP/1.1 103 Early Hints\r\n${OURS.join('\r\n')}\r\n\r\n${rawAnswer(200, 'ok', OURS)}`,
      ],
      [
        '200 with trailers',
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Set-Cookie\r\n\r\n2\r\nok\r\n0\r\n${OURS.join('\r\n')}\r\n\r\n`,
      ],
    ])('reaches no browser with them, in whatever spelling, on %s', async (_, answer) => {
      const cookie = await scene.session();
      for (const [line, fields] of [
        ['GET /status', []],
        ['GET /api/echo/x', [cookie]],
        ['GET /keys/x', [`X-API-Key: ${LEGACY_KEYS.acme}`]],
      ] as const) {
        scene.upstream.answers(line, answer);
        const client = await connectRaw(scene.first.port);
        client.send(
          [`${line} HTTP/1.1`, 'Host: acme.gw.test', 'Connection: close', ...fields, '', ''].join('\r\n'),
        );
        await client.closed();
        const got = client.received().toString('latin1');
        expect(got).toMatch(/^HTTP\/1\.1 \d/);
        expect(got).not.toMatch(/set-cookie|evil/i);
      }
      scene.upstream.reset();
      await scene.expectAlive();
    });

    it('reaches no browser with them on 101 either', async () => {
      const cookie = await scene.session();
      scene.upstream.answers(
        'GET /live/x',
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n${OURS.join('\r\n')}\r\n\r\n`,
      );
      const client = await connectRaw(scene.first.port);
      const fields = Object.entries({
        Host: 'acme.gw.test',
        ...HANDSHAKE,
        Origin: 'https://app.example.com',
      });
      client.send(
        ['GET /live/x HTTP/1.1', cookie, ...fields.map(([name, value]) => `${name}: ${value}`), '', ''].join(
          '\r\n',
        ),
      );
      await client.until((text) => text.includes('\r\n\r\n'));
      const got = client.received().toString('latin1');
      client.close();
      expect(got).toMatch(/^HTTP\/1\.1 101 /);
      expect(got).not.toMatch(/set-cookie|evil/i);
      await scene.expectAlive();
    });

    it('may set others on routes without sessions, for the host that was asked alone', async () => {
      scene.upstream.answers(
        'GET /status',
        rawAnswer(200, 'ok', [
          'Set-Cookie: theme=dark; Domain=.gw.test; Path=/',
          'Set-Cookie: a=1;DOMAIN = gw.test;Path=/',
          'Set-Cookie: b=2; Path=/; domain',
          'Set-Cookie: __HOST-GATEHOUSE=3',
        ]),
      );
      const answer = await scene.send('GET /status');
      expect(answer.all('set-cookie').join('\n')).not.toMatch(/domain/i);
      expect(answer.all('set-cookie')).toHaveLength(4);
    });

    it('says in its login what our cookie is: the client gets ours, and only that', async () => {
      scene.upstream.answers(
        'POST /api/login',
        rawAnswer(200, '{"user":{"id":1,"name":"x","roles":[],"companies":["acme"]}}', OURS),
      );
      const login = await scene.logIn();
      expect(login.all('set-cookie')).toHaveLength(2);
      expect(login.head).not.toContain('evil');
      const legacy = await scene.send('POST /api/login', {
        body: { company: 'acme', user: 'anna', password: 'acme-anna-pw' },
      });
      expect(legacy.all('set-cookie')).toEqual([expect.stringMatching(/^auth=ghs_/)]);
    });
  });

  describe('C10 a page of a sibling host that plants cookies', () => {
    it('cannot give the upstream cookies that a login keeps, nor ours, on any route', async () => {
      const cookie = await scene.session();
      const planted = 'ASP.NET_SessionId=evil; ASP.NET_SessionId="evil"; theme=dark; ASP.NET_SessionId';
      await scene.send('GET /api/echo/x', { fields: [`${cookie}; ${planted}`] });
      expect(lastCookie()).toMatch(/^theme=dark; ASP\.NET_SessionId=[0-9a-f]{24}; auth=[0-9a-f]{64}$/);
      await scene.send('GET /status', { fields: [`${cookie}; ${planted}; ${REMEMBER_COOKIE}=x; auth=evil`] });
      expect(lastCookie()).toBe('theme=dark');
      await scene.send('GET /keys/x', { fields: [`X-API-Key: ${LEGACY_KEYS.acme}`, `Cookie: ${planted}`] });
      await scene.send('GET /status', {
        fields: [cookie, 'Cookie: auth=evil', `Cookie: ${REMEMBER_COOKIE}=x`],
      });
      expect(lastCookie()).toBeUndefined();
    });

    it.each([
      ['in one field', (mine: string, other: string) => [`${mine}; ${SESSION_COOKIE}=${other}`]],
      ['in two fields', (mine: string, other: string) => [mine, `Cookie: ${SESSION_COOKIE}=${other}`]],
      ['under the name of an old client', (mine: string, other: string) => [`${mine}; auth=${other}`]],
      ['with the same value twice', (mine: string) => [`${mine}; ${mine.slice('Cookie: '.length)}`]],
    ])('gets a request with two sessions refused, %s', async (_, fieldsOf) => {
      const mine = await scene.session();
      const login = await scene.logIn({ username: 'bert', password: 'acme-bert-pw' });
      scene.forget();
      const answer = await scene.send('GET /api/echo/x', {
        fields: fieldsOf(mine, cookieOf(login, SESSION_COOKIE)),
      });
      await scene.expectRefused(
        answer,
        '400 credential_ambiguous',
        'credential_ambiguous: there are several session cookies',
      );
    });

    it('gets a request with two of ours refused by the endpoints too, and nothing is ended', async () => {
      const mine = await scene.session();
      const other = `${SESSION_COOKIE}=ghs_0123456789ABCDEF_00000000000000000000000000000000`;
      for (const line of [
        'GET /session',
        'DELETE /session',
        'POST /session/refresh',
        'POST /session/ticket',
      ]) {
        for (const fields of [[`${mine}; ${other}`], [mine, `Cookie: ${other}`]]) {
          scene.forget();
          const answer = await scene.send(line, {
            fields: [...fields, 'Gatehouse-CSRF: 1', 'Sec-Fetch-Site: same-origin'],
          });
          await scene.expectRefused(answer, '400 credential_ambiguous', /given twice$/);
        }
      }
      expect((await scene.send('GET /api/me', { fields: [mine] })).status).toBe(200);
    });

    it.each([
      ['another case', '__host-gatehouse'],
      ['quotes around the name', `"${SESSION_COOKIE}"`],
      ['a percent-encoded name', '__Host%2Dgatehouse'],
      ['no prefix', 'gatehouse'],
      ['another prefix', '__Secure-gatehouse'],
    ])('presents a right session under a name with %s: it is no session', async (_, name) => {
      const value = (await scene.session()).split('=')[1] ?? '';
      scene.forget();
      const answer = await scene.send('GET /api/me', { fields: [`Cookie: ${name}=${value}`] });
      await scene.expectRefused(answer, '401 credential_missing', 'credential_missing: no credential');
    });
  });

  describe('C10 a right session under the name of sessions of another kind', () => {
    it('a session of a browser is none under the name for old clients, which a page of another host could plant', async () => {
      const value = (await scene.session()).slice(`Cookie: ${SESSION_COOKIE}=`.length);
      scene.forget();
      const answer = await scene.send('GET /api/me', { fields: [`Cookie: auth=${value}`] });
      await scene.expectRefused(
        answer,
        '401 credential_invalid',
        /^credential_invalid: session \S+ came under the name of other session cookies$/,
      );
      expect(
        (await scene.send('GET /api/me', { fields: [`Cookie: ${SESSION_COOKIE}=${value}`] })).status,
      ).toBe(200);
    });

    it('a session of an old client is none under the name for browsers', async () => {
      const body = { company: 'acme', user: 'bert', password: 'acme-bert-pw' };
      const value = cookieOf(await scene.send('POST /api/login', { body }), 'auth');
      expect((await scene.send('GET /api/me', { fields: [`Cookie: auth=${value}`] })).status).toBe(200);
      scene.forget();
      const answer = await scene.send('GET /api/me', { fields: [`Cookie: ${SESSION_COOKIE}=${value}`] });
      await scene.expectRefused(answer, '401 credential_invalid', /under the name of other session cookies$/);
    });
  });

  it('C10 remember-me sent to other paths is neither a session nor forwarded', async () => {
    const login = await scene.logIn({ remember: true });
    const value = cookieOf(login, REMEMBER_COOKIE);
    scene.forget();
    for (const field of [
      `Cookie: ${REMEMBER_COOKIE}=${value}`,
      `Cookie: ${SESSION_COOKIE}=${value}`,
      `Authorization: Bearer ${value}`,
    ]) {
      const answer = await scene.send('GET /api/me', { fields: [field] });
      expect(answer.status).toBe(401);
      expect(scene.received()).toEqual([]);
    }
    const shown = await scene.send('GET /session', { fields: [`Cookie: ${REMEMBER_COOKIE}=${value}`] });
    await scene.expectRefused(shown, '401 credential_missing', 'credential_missing: no session cookie');
  });

  describe('C08 a forger of cookies', () => {
    it('gets nothing for a cookie that is cut, longer, of another case, or put together of two', async () => {
      const one = (await scene.session()).slice(`Cookie: ${SESSION_COOKIE}=`.length);
      const two = (await scene.session({ username: 'bert', password: 'acme-bert-pw' })).slice(
        `Cookie: ${SESSION_COOKIE}=`.length,
      );
      const refresh = (await scene.tokens()).refresh;
      const swapped = one.at(-1) === 'A' ? 'B' : 'A';
      scene.forget();
      const forgeries = [
        one.slice(0, -1),
        `${one}0`,
        `${one.slice(0, -1)}${swapped}`,
        one.slice(0, 21) + two.slice(21),
        two.slice(0, 21) + one.slice(21),
        one.slice(0, 21),
        one.toUpperCase(),
        `${one}${two}`,
        `${one}, ${two}`,
        `"${one}"`,
        encodeURIComponent(`${one} `),
        one.replace('ghs_', 'ghm_'),
        one.replaceAll('_', '%5F'),
        refresh,
        'x'.repeat(4000),
      ];
      const answers = await Promise.all(
        forgeries.map((forged) =>
          scene.send('GET /api/me', { fields: [`Cookie: ${SESSION_COOKIE}=${forged}`] }),
        ),
      );
      await scene.expectRefused(
        answers,
        '401 credential_invalid',
        'credential_invalid: the session cookie is unknown',
      );
    });
  });
});
