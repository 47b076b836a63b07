import { describe, expect, it } from 'vitest';
import { basic } from '../support/attacked-clients.ts';
import {
  bearer,
  memberOf,
  onBothStores,
  PASSWORD_GRANT,
  REMEMBER_COOKIE,
  refreshWith,
  toldBy,
} from '../support/attacked-users.ts';
import { eventually } from '../support/authentication.ts';
import { jsonAnswer, rawAnswer } from '../support/legacy-login.ts';
import { cookieOf, MEANT } from '../support/users-scene.ts';

onBothStores(
  (scene) => {
    const legacy = { company: 'acme', user: 'anna', password: 'acme-anna-pw' };

    describe('R04, M09 an attacker who takes the store away', () => {
      it('is let in by nothing, and is not told that a credential is wrong: every step is 503 with Retry-After', {
        timeout: 60_000,
      }, async ({ skip }) => {
        const { redis } = scene;
        if (redis === undefined) return skip('the embedded store is part of the process');
        const cookie = await scene.session();
        const login = await scene.logIn({ remember: true });
        const remembered = `Cookie: ${REMEMBER_COOKIE}=${cookieOf(login, REMEMBER_COOKIE)}`;
        const tokens = await scene.tokens();
        const ticket = memberOf(
          await scene.send('POST /session/ticket', { fields: [...MEANT, cookie] }),
          'ticket',
        );
        expect((await scene.send('GET /api/me', { fields: [cookie] })).status).toBe(200);
        redis.pause();
        try {
          // Longer than maxLag: nobody knows any more what was taken back.
          await eventually(
            async () => (await scene.send('GET /api/me', { fields: [cookie] })).status === 503,
            'a session that nobody vouches for',
          );
          scene.forget();
          const answers = await Promise.all([
            scene.send('GET /api/me', { fields: [cookie] }),
            scene.send('GET /api/me', { fields: [bearer(tokens.access)] }),
            scene.send('GET /api/me', {
              fields: [bearer('gha_0000000000000000000000000000000000000000000')],
            }),
            scene.send(`GET /api/echo/x?ticket=${ticket}`),
            scene.send('GET /session', { fields: [cookie] }),
            scene.logIn(),
            scene.logIn({ password: 'wrong' }),
            scene.send('POST /session/refresh', { fields: [...MEANT, cookie] }),
            scene.send('POST /session/refresh', { fields: [...MEANT, remembered] }),
            scene.send('POST /session/ticket', { fields: [...MEANT, cookie] }),
            scene.send('POST /session/tenant', { fields: [...MEANT, cookie], body: { tenant: 'globex' } }),
            scene.send('DELETE /session', { fields: [...MEANT, cookie] }),
            scene.send('POST /api/login', { body: legacy }),
            scene.post('/oauth/token', PASSWORD_GRANT),
            scene.post('/oauth/token', refreshWith(tokens.refresh)),
            scene.post('/oauth/token', { grant_type: 'client_credentials' }, { fields: [basic('erp')] }),
            scene.post('/oauth/introspect', { token: tokens.access }, { fields: [basic('api-acme')] }),
            scene.post('/oauth/revoke', { token: tokens.refresh, client_id: 'desktop' }),
          ]);
          expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
          for (const answer of answers) {
            expect(Number(answer.field('retry-after'))).toBeGreaterThan(0);
            expect(answer.all('set-cookie').filter((value) => !value.includes('Max-Age=0'))).toEqual([]);
          }
          expect(scene.received()).toEqual([]);
        } finally {
          redis.resume();
        }
        await eventually(
          async () =>
            (await scene.send('GET /session', { fields: ['Cookie: __Host-gatehouse=x'] })).status === 401,
          'gateways that know their store again',
        );
        await scene.expectAlive();
      });
    });

    describe('U07 an upstream that does not say whether a password is right', () => {
      it.each([
        ['500', rawAnswer(500, 'no')],
        ['503 with Retry-After', rawAnswer(503, 'no', ['Retry-After: 1'])],
        ['429', rawAnswer(429, 'no')],
        ['HTML', rawAnswer(200, '<html>', ['Content-Type: text/html'])],
        ['garbage', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
        ['half an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"user"'],
        ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!'],
        ['10 MB', jsonAnswer(200, { user: { id: 1 }, x: 'x'.repeat(10_000_000) })],
        ['nothing at all', ''],
        ['a closed connection', 'close'],
      ])(
        '(%s) is 503 on every front, nobody is logged in, and nobody is counted',
        { timeout: 30_000 },
        async (_, answer) => {
          scene.upstream.answers('POST /api/login', (socket) => {
            if (answer === 'close') socket.destroy();
            else if (answer.endsWith('{"user"') || answer.startsWith('SSH')) socket.end(answer, 'latin1');
            else if (answer !== '') socket.write(answer, 'latin1');
          });
          const tries = Array.from({ length: 12 }, (_each, at) => {
            if (at % 3 === 0) return scene.logIn();
            if (at % 3 === 1) return scene.post('/oauth/token', PASSWORD_GRANT);
            return scene.send('POST /api/login', { body: legacy });
          });
          // A try that waits counts until it is known to be none of a wrong password: ten at a time.
          const answers = await Promise.all(tries);
          for (const each of answers) {
            expect([
              '503 login_unavailable',
              '503 temporarily_unavailable',
              '429 too_many_failures',
              '429 temporarily_unavailable',
            ]).toContain(toldBy(each));
            expect(each.field('set-cookie')).toBeUndefined();
            expect(each.body.toString()).not.toMatch(/ECONN|SSH|<html>|127\.0\.0\.1/);
          }
          expect(answers.filter(({ status }) => status === 503).length).toBeGreaterThanOrEqual(10);
          scene.upstream.reset();
          for (let guess = 0; guess < 3; guess += 1) expect((await scene.logIn()).status).toBe(200);
          await scene.expectAlive();
        },
      );
    });
  },
  (config) => {
    const login = config['login'] as Record<string, Record<string, unknown>>;
    return { ...config, login: { ...login, legacy: { ...login['legacy'], timeout: '500ms' } } };
  },
);
