import { describe, expect, it } from 'vitest';
import { basic } from '../support/attacked-clients.ts';
import {
  bearer,
  onBothStores,
  REMEMBER_COOKIE,
  refreshWith,
  SESSION_COOKIE,
  tokensOf,
  toldBy,
} from '../support/attacked-users.ts';
import { eventually } from '../support/authentication.ts';
import { cookieOf, MEANT } from '../support/users-scene.ts';

const DAY = 86_400_000;
const WIDTH = 50;
const ROUNDS = 20;
const SECOND_TIME =
  /^credential_invalid: a refresh token of session \w{16} came a second time: the session is ended$/;

onBothStores((scene) => {
  const me = (token: string, on = scene.first) => scene.send('GET /api/me', { fields: [bearer(token)], on });
  const refresh = (token: string, on = scene.first, client = 'desktop') =>
    scene.post('/oauth/token', refreshWith(token, client), { on });
  const replica = (at: number) => scene.gateways[at % scene.gateways.length];
  const dies = (token: string) =>
    Promise.all(
      scene.gateways.map((on) =>
        eventually(async () => (await me(token, on)).status === 401, 'a dead token'),
      ),
    );

  describe('O07 a thief of refresh tokens', () => {
    it('uses one that its owner has used: the whole family dies, access tokens too, on every replica', async () => {
      const first = await scene.tokens();
      const second = tokensOf(await refresh(first.refresh));
      const third = tokensOf(await refresh(second.refresh));
      scene.forget();
      await scene.expectRefused(await refresh(first.refresh, scene.last), '400 invalid_grant', SECOND_TIME);
      for (const { access } of [first, second, third]) await dies(access);
      await scene.expectRefused(
        await refresh(third.refresh),
        '400 invalid_grant',
        'credential_invalid: the refresh token is unknown',
      );
    });

    it('and its owner, 50 at once over all replicas, get one and the same answer, 20 times', {
      timeout: 60_000,
    }, async () => {
      let current = await scene.tokens();
      for (let round = 0; round < ROUNDS; round += 1) {
        const answers = await Promise.all(
          Array.from({ length: WIDTH }, (_, at) => refresh(current.refresh, replica(at))),
        );
        expect(new Set(answers.map(toldBy))).toEqual(new Set(['200']));
        const given = new Set(answers.map(({ body }) => body.toString()));
        expect(given.size).toBe(1);
        const [answer] = answers;
        if (answer === undefined) throw new Error('no answer');
        const next = tokensOf(answer);
        expect(next.refresh).not.toBe(current.refresh);
        expect((await me(next.access, scene.last)).status).toBe(200);
        current = next;
      }
      await scene.expectAlive();
    });

    it('present an old one, 50 at once, and none gets anything, 20 times', { timeout: 60_000 }, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const first = await scene.tokens();
        const second = tokensOf(await refresh(first.refresh));
        tokensOf(await refresh(second.refresh));
        const answers = await Promise.all(
          Array.from({ length: WIDTH }, (_, at) => refresh(first.refresh, replica(at))),
        );
        expect(new Set(answers.map(toldBy))).toEqual(new Set(['400 invalid_grant']));
        expect((await refresh(second.refresh)).status).toBe(400);
      }
      await scene.expectAlive();
    });

    it('is another client, and gets nothing and spoils nothing', async () => {
      const tokens = await scene.tokens();
      scene.forget();
      const answers = [
        await refresh(tokens.refresh, scene.first, 'phone'),
        await scene.post(
          '/oauth/token',
          { grant_type: 'refresh_token', refresh_token: tokens.refresh },
          { fields: [basic('old-erp')] },
        ),
      ];
      await scene.expectRefused(
        answers,
        '400 invalid_grant',
        /^credential_invalid: the refresh token is of client:desktop, not of/,
      );
      expect((await refresh(tokens.refresh)).status).toBe(200);
    });

    it('makes one up, cuts it, mixes two, or takes another credential for it, and ends nobody', async () => {
      const [one, two] = [await scene.tokens(), await scene.tokens()];
      const login = await scene.logIn({ remember: true });
      const forgeries = [
        one.refresh.slice(0, -1),
        `${one.refresh}0`,
        one.refresh.slice(0, 21) + two.refresh.slice(21),
        `${one.refresh.slice(0, 21)}${'0'.repeat(44)}`,
        one.refresh.toUpperCase(),
        ` ${one.refresh}`,
        one.access,
        cookieOf(login, SESSION_COOKIE),
        cookieOf(login, REMEMBER_COOKIE),
        cookieOf(login, REMEMBER_COOKIE).replace('ghm_', 'ghr_'),
      ];
      scene.forget();
      const answers = await Promise.all(forgeries.map((forged) => refresh(forged)));
      await scene.expectRefused(
        answers,
        '400 invalid_grant',
        'credential_invalid: the refresh token is unknown',
      );
      for (const { refresh: good } of [one, two]) expect((await refresh(good)).status).toBe(200);
    });

    it('of a remember-me cookie: of 50 tabs at once all get one session, and an old cookie ends it, 20 times', {
      timeout: 60_000,
    }, async () => {
      const trade = (value: string, at: number) =>
        scene.send('POST /session/refresh', {
          fields: [...MEANT, `Cookie: ${REMEMBER_COOKIE}=${value}`],
          on: replica(at),
        });
      for (let round = 0; round < ROUNDS; round += 1) {
        const first = cookieOf(await scene.logIn({ remember: true }), REMEMBER_COOKIE);
        const answers = await Promise.all(Array.from({ length: WIDTH }, (_, at) => trade(first, at)));
        expect(new Set(answers.map(toldBy))).toEqual(new Set(['200']));
        expect(new Set(answers.map((answer) => cookieOf(answer, SESSION_COOKIE))).size).toBe(1);
        const [answer] = answers;
        if (answer === undefined) throw new Error('no answer');
        const second = cookieOf(answer, REMEMBER_COOKIE);
        expect((await trade(second, 0)).status).toBe(200);
        expect((await trade(first, 1)).status).toBe(401);
        expect((await trade(second, 0)).status).toBe(401);
        const session = `Cookie: ${SESSION_COOKIE}=${cookieOf(answer, SESSION_COOKIE)}`;
        expect((await scene.send('GET /api/me', { fields: [session] })).status).toBe(401);
      }
      await scene.expectAlive();
    });
  });

  describe('O08 a client whose answer to a rotation is lost', () => {
    it('gets it once more, on any replica, and no second family; after 10 s it does not', async () => {
      const first = await scene.tokens();
      const answer = await refresh(first.refresh);
      const again = await refresh(first.refresh, scene.last);
      expect(again.body).toEqual(answer.body);
      await scene.travel(10_001);
      scene.forget();
      await scene.expectRefused(await refresh(first.refresh), '400 invalid_grant', SECOND_TIME);
      await dies(tokensOf(answer).access);
    });
  });

  describe('O10 a client that refreshes for ever', () => {
    it('is done at the absolute end, and one that waited too long before', { timeout: 40_000 }, async () => {
      let { refresh: token } = await scene.tokens();
      const idle = await scene.tokens();
      for (let days = 13; days < 90; days += 13) {
        await scene.travel(13 * DAY);
        token = tokensOf(await refresh(token)).refresh;
      }
      scene.forget();
      await scene.expectRefused(await refresh(idle.refresh), '400 invalid_grant', /^credential_expired: /);
      await scene.travel(12 * DAY);
      const gone = await refresh(token);
      expect(toldBy(gone)).toBe('400 invalid_grant');
      await scene.expectAlive();
    });
  });
});
