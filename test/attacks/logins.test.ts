import { describe, expect, it } from 'vitest';
import { onBothStores, PASSWORD_GRANT } from '../support/attacked-users.ts';
import type { RawAnswer } from '../support/raw-client.ts';
import { MEANT } from '../support/users-scene.ts';

const LOGIN = ['POST /api/login'];

/** What a client can see of an answer, but for what names this very request. */
function looksOf({ startLine, fields, body }: RawAnswer): string {
  const names = fields
    .filter(([name]) => !/^(date|gatehouse-decision-id)$/i.test(name))
    .map(([name, value]) => `${name}: ${value}`);
  return [startLine, ...names, body.toString().replace(/"decisionId":"\w+"/, '')].join('\n');
}

/** What databases take for one name by their collation, and what people do not see. */
const spellingsOf = (name: string): readonly string[] => [
  name,
  name.toUpperCase(),
  ` ${name}`,
  `${name} `,
  `${name}\u3000`,
  name.replace(/[a-z]/g, (letter) => String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0)),
  name.replace('e', '\u00e9'),
  name.replace('e', 'E\u0301'),
  name.replace('e', 'e\u200b'),
  name.replace('e', '\u00ade'),
];

onBothStores((scene) => {
  const grant = (parameters: object, host = 'acme.gw.test') =>
    scene.post('/oauth/token', { ...PASSWORD_GRANT, ...parameters }, { host });
  const legacy = (members: object, options = {}) =>
    scene.send('POST /api/login', {
      body: { company: 'acme', user: 'anna', password: 'acme-anna-pw', ...members },
      ...options,
    });

  describe('S02 somebody who wants to know which users there are', () => {
    it('gets one and the same answer for an unknown user and a wrong password, each after one look in the database', async () => {
      const browser = [await scene.logIn({ username: 'nobody' }), await scene.logIn({ password: 'wrong' })];
      expect(new Set(browser.map(looksOf)).size).toBe(1);
      await scene.expectRefused(
        browser,
        '401 credential_invalid',
        'credential_invalid: the login was answered 401',
        [...LOGIN, ...LOGIN],
      );
      const program = [await grant({ username: 'nobody' }), await grant({ password: 'wrong' })];
      expect(new Set(program.map(looksOf)).size).toBe(1);
      await scene.expectRefused(
        program,
        '400 invalid_grant',
        'credential_invalid: the login was answered 401',
        [...LOGIN, ...LOGIN],
      );
      const old = [await legacy({ user: 'nobody' }), await legacy({ password: 'wrong' })];
      expect(new Set(old.map(looksOf)).size).toBe(1);
      expect(old[0]?.status).toBe(401);
      expect(scene.received()).toEqual([...LOGIN, ...LOGIN]);
    });

    it('gets the answer for a wrong password for a tenant that there is not, and for a client that there is not', async () => {
      const wrong = looksOf(await scene.logIn({ password: 'wrong', tenant: 'acme' }, { host: 'gw.test' }));
      scene.forget();
      const answers = [
        await scene.logIn({ tenant: 'nowhere' }, { host: 'gw.test' }),
        await scene.logIn({ tenant: 'constructor' }, { host: 'gw.test' }),
        await scene.logIn({ tenant: '../globex' }, { host: 'gw.test' }),
        await scene.logIn({ tenant: 'acme,globex' }, { host: 'gw.test' }),
        await scene.logIn({ tenant: 'acme\r\nX-User: root' }, { host: 'gw.test' }),
        await scene.logIn({ tenant: 'x'.repeat(10_000) }, { host: 'gw.test' }),
        await scene.logIn({ tenant: '__proto__' }, { host: 'gw.test' }),
        await scene.logIn({ client_id: 'nobody' }),
        await scene.logIn({ client_id: '__proto__' }),
        await scene.logIn({ client_id: 'desktop' }),
      ];
      expect(new Set(answers.map(looksOf))).toEqual(new Set([wrong]));
      await scene.expectRefused(answers, '401 credential_invalid', /^credential_invalid: /);
    });
  });

  describe('J25, L05, O14 somebody who guesses a password', () => {
    it('has 10 guesses an hour, in whatever spellings, over all fronts and replicas, 60 at once, 20 times', {
      timeout: 60_000,
    }, async () => {
      for (let round = 0; round < 20; round += 1) {
        const name = `bert${'abcdefghijklmnopqrst'.charAt(round)}`;
        const spellings = spellingsOf(name);
        scene.forget();
        const answers = await Promise.all(
          Array.from({ length: 60 }, (_, at) => {
            const username = spellings[at % spellings.length] ?? '';
            const on = scene.gateways[at % scene.gateways.length];
            const fields = [`X-Forwarded-For: 203.0.113.${at}`, `Forwarded: for=198.51.100.${at}`];
            const password = `wrong${at}`;
            if (at % 3 === 0) return legacy({ user: username, password }, { on, fields });
            if (at % 3 === 1)
              return scene.logIn({ username, password }, { on, fields: [...MEANT, ...fields] });
            return scene.post('/oauth/token', { ...PASSWORD_GRANT, username, password }, { on, fields });
          }),
        );
        expect(scene.received()).toEqual(Array.from({ length: 10 }, () => 'POST /api/login'));
        const throttled = answers.filter(({ status }) => status === 429);
        expect(throttled).toHaveLength(50);
        for (const answer of throttled) expect(Number(answer.field('retry-after'))).toBeGreaterThan(0);
      }
      scene.forget();
      const right = await scene.logIn({ username: 'berta', password: 'acme-bert-pw' });
      await scene.expectRefused(
        right,
        '429 too_many_failures',
        'too_many_failures: too many failed logins of this user',
      );
    });

    it('has not locked the same name of another tenant, nor another name, and a name that there is not is counted alike', async () => {
      const name = 'carol';
      for (let guess = 0; guess < 10; guess += 1) await scene.logIn({ username: name });
      scene.forget();
      const locked = await scene.logIn({ username: name });
      await scene.expectRefused(locked, '429 too_many_failures', /of this user$/);
      const elsewhere = await scene.logIn({ username: name }, { host: 'globex.gw.test' });
      await scene.expectRefused(
        elsewhere,
        '401 credential_invalid',
        'credential_invalid: the login was answered 401',
        LOGIN,
      );
      expect((await scene.logIn()).status).toBe(200);
    });

    it('cannot wash the count away by logins of their own, and a right password costs nothing', async () => {
      for (let guess = 0; guess < 9; guess += 1) {
        await scene.logIn({ username: 'dora' });
        expect((await scene.logIn()).status).toBe(200);
      }
      expect((await scene.logIn({ username: 'dora' })).status).toBe(401);
      expect((await scene.logIn({ username: 'dora' })).status).toBe(429);
      expect((await scene.logIn()).status).toBe(200);
      await scene.travel(3_600_001);
      expect((await scene.logIn({ username: 'dora' })).status).toBe(401);
    });

    it.each(['anna\0', 'an\nna', 'anna\r\nX-User: root', '\u001b[2Janna', 'anna\u0085'])(
      'hides behind a control character in the name (%j): the upstream is not asked, since it could stop reading there',
      async (username) => {
        const browser = await scene.logIn({ username });
        await scene.expectRefused(
          browser,
          '401 credential_invalid',
          /^credential_invalid: .*control character/,
        );
        const program = await grant({ username });
        await scene.expectRefused(program, '400 invalid_grant', /^credential_invalid: .*control character/);
      },
    );

    it('sends an empty password, which a directory takes for nobody: it is not asked', async () => {
      const answer = await legacy({ password: '' });
      await scene.expectRefused(answer, '401 credential_invalid', /is empty$/);
    });
  });
});
