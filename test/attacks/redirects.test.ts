import { describe, expect, it } from 'vitest';
import { onBothStores, PASSWORD_GRANT } from '../support/attacked-users.ts';
import { rawAnswer } from '../support/legacy-login.ts';
import { ANNA, MEANT } from '../support/users-scene.ts';

const ELSEWHERE = [
  '//evil.test',
  '/\\evil.test',
  '/%09/evil.test',
  'https:evil.test',
  'https://acme.gw.test@evil.test',
  'https://acme.gw.test.evil.test',
  'javascript:alert(1)',
];
const NAMES = ['rd', 'next', 'return_to', 'returnUrl', 'redirect_uri', 'url', 'continue'];

onBothStores((scene) => {
  describe('M13 a link that logs in or out here and is to end elsewhere', () => {
    const everyName = (target: string) =>
      NAMES.map((name) => `${name}=${encodeURIComponent(target)}`).join('&');

    it.each(ELSEWHERE)(
      'leads nowhere: no endpoint redirects, whatever it is asked for (%s)',
      async (target) => {
        const asked = everyName(target);
        const fields = [...MEANT, `Referer: ${target.replace('\\', '/')}`];
        const login = await scene.send(`POST /session?${asked}`, { fields, body: ANNA });
        expect(login.field('location')).toBeUndefined();
        await scene.expectAdmitted(login, 200, ['POST /api/login']);
        const cookie = `Cookie: ${login.all('set-cookie')[0]?.split(';')[0]}`;
        const tokens = await scene.post(`/oauth/token?${asked}`, PASSWORD_GRANT);
        expect([tokens.status, tokens.field('location')]).toEqual([400, undefined]);
        await scene.expectRefused(tokens, '400 invalid_request', /^request_malformed: /);
        for (const line of ['GET /session', 'POST /session/refresh', 'DELETE /session']) {
          const answer = await scene.send(`${line}?${asked}`, { fields: [...fields, cookie] });
          expect([line, answer.status < 300 || answer.status >= 400]).toEqual([line, true]);
          expect(answer.field('location')).toBeUndefined();
        }
        await scene.expectAlive();
      },
    );

    it.each(NAMES)('is no login, if it names its end in the body (%s)', async (name) => {
      const answer = await scene.logIn({ [name]: ELSEWHERE[0] });
      expect(answer.field('location')).toBeUndefined();
      await scene.expectRefused(answer, '400 request_malformed', /^request_malformed: /);
    });

    it('ends where the upstream says, letter by letter: what looks like the upstream is not made to look like us', async () => {
      const { authority } = scene.upstream;
      const session = await scene.session();
      for (const location of [
        `//evil.test/?${authority}`,
        `http://${authority}@evil.test/`,
        `http://${authority}.evil.test/`,
        `http://evil.test/http://${authority}/`,
        '/\\evil.test',
      ]) {
        scene.forget();
        scene.upstream.answers('GET /api/echo/x', rawAnswer(302, '', [`Location: ${location}`]));
        const answer = await scene.send('GET /api/echo/x', { fields: [session] });
        expect([answer.status, answer.field('location')]).toEqual([302, location]);
        await scene.expectAdmitted(answer, 302, ['GET /api/echo/x']);
      }
      scene.upstream.reset();
    });
  });
});
