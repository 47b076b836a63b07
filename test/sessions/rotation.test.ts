import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { err, ok } from '../../src/base/result.ts';
import { Secret } from '../../src/base/secret.ts';
import { MINUTE, NOW } from '../contract/fixtures.ts';
import {
  type AnsweredCredentials,
  DAY,
  HOUR,
  LIVES,
  readAnswer,
  reveal,
  traded,
} from './rotation-options.ts';
import { aLogin, aTokenLogin, onBothStores, type SessionScene } from './scene.ts';

const UNKNOWN = { ok: false, error: { kind: 'unknown' } };

/** Trades a refresh token or remember-me cookie, which must succeed. */
async function trade(
  { service }: SessionScene,
  token: string,
  now: number,
  kind: 'refresh' | 'rememberMe' = 'refresh',
): Promise<AnsweredCredentials> {
  const rotated = await service.rotate(new Secret(token), LIVES, traded(kind), now);
  if (!rotated.ok) throw new Error(rotated.error.kind);
  return readAnswer(rotated.value.answer);
}

async function outcomeOf(
  { service }: SessionScene,
  token: string,
  now: number,
  kind: 'refresh' | 'rememberMe' = 'refresh',
): Promise<string> {
  const rotated = await service.rotate(new Secret(token), LIVES, traded(kind), now);
  if (!rotated.ok) return rotated.error.kind;
  return rotated.value.isRepeated ? 'repeated' : 'rotated';
}

describe('rotation', () => {
  onBothStores((scene) => {
    it('gives another token of the same session each time, and the session keeps going', async () => {
      const { service, store } = scene();
      const begun = await service.begin(aTokenLogin());
      let token = reveal(begun.rotating);
      const seen = new Set([token]);
      for (let generation = 1; generation <= 10; generation += 1) {
        const answered = await trade(scene(), token, NOW + generation * DAY);
        expect(answered).not.toHaveProperty('cookie');
        expect(answered.rotating.slice(0, -22)).toBe(token.slice(0, -22));
        token = answered.rotating;
        seen.add(token);
        const stored = (await store.find(begun.session.id))?.session;
        expect(stored).toMatchObject({
          authenticatedAt: NOW,
          expiresAt: NOW + 90 * DAY,
          absoluteEnd: NOW + 90 * DAY,
          rotation: { currentDigest: hash('sha256', token), idleEnd: NOW + generation * DAY + 14 * DAY },
          revision: generation + 1,
        });
      }
      expect(seen.size).toBe(11);
    });

    it('O07 ends the session when an old generation comes back, for the thief and the client alike', async () => {
      const { service } = scene();
      for (const generations of [1, 2, 5]) {
        const begun = await service.begin(aTokenLogin());
        const stolen = reveal(begun.rotating);
        let token = stolen;
        for (let generation = 0; generation < generations; generation += 1)
          token = (await trade(scene(), token, NOW)).rotating;
        const reused = await service.rotate(new Secret(stolen), LIVES, traded('refresh'), NOW + 10_000);
        expect(reused).toMatchObject({ error: { kind: 'reused', session: { id: begun.session.id } } });
        expect(await service.find(begun.session.id, NOW)).toBeUndefined();
        expect(await outcomeOf(scene(), token, NOW)).toBe('unknown');
        expect(await outcomeOf(scene(), stolen, NOW)).toBe('unknown');
      }
    });

    it('O07 gives a lost answer again within 10 s, as long as its token is unused', async () => {
      const { service } = scene();
      const token = reveal((await service.begin(aTokenLogin())).rotating);
      const answered = await trade(scene(), token, NOW);
      // The clock of another replica may be behind.
      for (const after of [0, 1, 9_999, -5_000]) {
        const again = await service.rotate(new Secret(token), LIVES, traded('refresh'), NOW + after);
        expect(again).toMatchObject({ ok: true, value: { isRepeated: true } });
        if (again.ok) expect(readAnswer(again.value.answer)).toEqual(answered);
      }
      expect(await outcomeOf(scene(), answered.rotating, NOW + 9_999)).toBe('rotated');
      expect(await outcomeOf(scene(), token, NOW + 9_999)).toBe('reused');
      expect(await outcomeOf(scene(), answered.rotating, NOW + 9_999)).toBe('unknown');
    });

    it('O07 after 10 s a lost answer is lost, and who asks for it ends the session', async () => {
      const { service } = scene();
      const token = reveal((await service.begin(aTokenLogin())).rotating);
      const answered = await trade(scene(), token, NOW);
      expect(await outcomeOf(scene(), token, NOW + 10_000)).toBe('reused');
      expect(await outcomeOf(scene(), answered.rotating, NOW + 10_000)).toBe('unknown');
    });

    it('O10 no use of refresh tokens goes past their absolute end, nor does one that lay idle too long come back', async () => {
      const { service, store } = scene();
      const begun = await service.begin(aTokenLogin());
      let token = reveal(begun.rotating);
      for (let day = 13; day < 90; day += 13) token = (await trade(scene(), token, NOW + day * DAY)).rotating;
      expect((await store.find(begun.session.id))?.session.rotation?.idleEnd).toBe(NOW + 90 * DAY);
      token = (await trade(scene(), token, NOW + 90 * DAY - 1)).rotating;
      expect(await outcomeOf(scene(), token, NOW + 90 * DAY)).toBe('expired');
      expect(await service.find(begun.session.id, NOW + 90 * DAY)).toBeUndefined();

      const idle = reveal((await service.begin(aTokenLogin())).rotating);
      expect(await outcomeOf(scene(), idle, NOW + 14 * DAY)).toBe('expired');
      expect(await outcomeOf(scene(), idle, NOW + 14 * DAY - 1)).toBe('rotated');
    });

    it('C06 trades a remember-me cookie for a session with lives of its own, within its absolute end', async () => {
      const { service, store } = scene();
      const begun = await service.begin(aLogin());
      const id = begun.session.id;
      const nextDay = NOW + DAY;
      expect(await service.open(new Secret(reveal(begun.cookie)), nextDay)).toMatchObject({
        error: { kind: 'expired' },
      });
      const answered = await trade(scene(), reveal(begun.rotating), nextDay, 'rememberMe');
      const cookie = new Secret(answered.cookie ?? '');
      expect(await service.open(cookie, nextDay + 30 * MINUTE - 1)).toMatchObject({
        ok: true,
        value: {
          session: {
            id,
            authenticatedAt: NOW,
            expiresAt: nextDay + 30 * MINUTE,
            absoluteEnd: nextDay + 12 * HOUR,
          },
        },
      });
      expect(await service.open(cookie, nextDay + 30 * MINUTE)).toMatchObject({ error: { kind: 'expired' } });

      let { rotating } = answered;
      for (let day = 14; day < 90; day += 13)
        rotating = (await trade(scene(), rotating, NOW + day * DAY, 'rememberMe')).rotating;
      rotating = (await trade(scene(), rotating, NOW + 90 * DAY - MINUTE, 'rememberMe')).rotating;
      expect((await store.find(id))?.session).toMatchObject({
        expiresAt: NOW + 90 * DAY,
        absoluteEnd: NOW + 90 * DAY,
        rotation: { idleEnd: NOW + 90 * DAY, absoluteEnd: NOW + 90 * DAY },
      });
      expect(await outcomeOf(scene(), rotating, NOW + 90 * DAY, 'rememberMe')).toBe('expired');
    });

    it('of a remember-me cookie kills the session cookie of the other one who has it', async () => {
      const { service } = scene();
      const begun = await service.begin(aLogin());
      const thief = await trade(scene(), reveal(begun.rotating), NOW + MINUTE, 'rememberMe');
      expect(await service.open(new Secret(reveal(begun.cookie)), NOW + MINUTE)).toEqual(UNKNOWN);
      expect((await service.open(new Secret(thief.cookie ?? ''), NOW + MINUTE)).ok).toBe(true);
      expect(await outcomeOf(scene(), reveal(begun.rotating), NOW + 2 * MINUTE, 'rememberMe')).toBe('reused');
      expect(await service.open(new Secret(thief.cookie ?? ''), NOW + 2 * MINUTE)).toEqual(UNKNOWN);
    });

    it('O07 an old remember-me cookie ends the session also when its idle life is over', async () => {
      const { service } = scene();
      const begun = await service.begin(aLogin({ rotation: { idle: MINUTE, absolute: 90 * DAY } }));
      const lives = { ...LIVES, idle: MINUTE };
      const rotated = await service.rotate(
        new Secret(reveal(begun.rotating)),
        lives,
        traded('rememberMe'),
        NOW,
      );
      if (!rotated.ok) throw new Error(rotated.error.kind);
      const { cookie = '', rotating } = readAnswer(rotated.value.answer);
      expect(await outcomeOf(scene(), rotating, NOW + 2 * MINUTE, 'rememberMe')).toBe('expired');
      expect((await service.open(new Secret(cookie), NOW + 2 * MINUTE)).ok).toBe(true);
      expect(await outcomeOf(scene(), reveal(begun.rotating), NOW + 2 * MINUTE, 'rememberMe')).toBe('reused');
      expect(await service.open(new Secret(cookie), NOW + 2 * MINUTE)).toEqual(UNKNOWN);
    });

    it('changes nothing for texts that were never given out, even with the id of a session in them', async () => {
      const { service, store } = scene();
      const begun = await service.begin(aTokenLogin());
      const token = reveal(begun.rotating);
      const { rotating: current } = await trade(scene(), token, NOW);
      const before = await store.find(begun.session.id);
      const id = begun.session.id;
      const texts = [
        `ghr_${id}_${'0'.repeat(44)}`,
        `ghr_${id}_${'0'.repeat(22)}${current.slice(-22)}`,
        current.replace('ghr_', 'ghm_'),
        current.slice(0, -1),
        `${current}0`,
        `${current}\n`,
        current.toLowerCase(),
        `ghr_${'0'.repeat(16)}_${current.slice(21)}`,
        '',
      ];
      for (const text of texts) {
        expect(await outcomeOf(scene(), text, NOW + DAY), text).toBe('unknown');
        expect(await outcomeOf(scene(), text, NOW + DAY, 'rememberMe'), text).toBe('unknown');
      }
      expect(await outcomeOf(scene(), current, NOW, 'rememberMe')).toBe('unknown');
      expect(await store.find(id)).toEqual(before);
    });

    it('changes nothing when it is not admitted, be it the current generation, a repetition or an old one', async () => {
      const { service, store } = scene();
      const begun = await service.begin(aTokenLogin());
      const oldest = reveal(begun.rotating);
      const older = (await trade(scene(), oldest, NOW)).rotating;
      const current = (await trade(scene(), older, NOW)).rotating;
      const before = await store.find(begun.session.id);
      const asked: string[] = [];
      const options = traded('refresh', {
        admit: ({ client }) => {
          asked.push(client ?? '');
          return err('the token is of another client');
        },
        answer: () => Promise.reject(new Error('must not be asked')),
      });
      for (const token of [oldest, older, current]) {
        expect(await service.rotate(new Secret(token), LIVES, options, NOW)).toEqual({
          ok: false,
          error: { kind: 'refused', session: before?.session, reason: 'the token is of another client' },
        });
      }
      expect(asked).toEqual(['client:web-app', 'client:web-app', 'client:web-app']);
      expect(await store.find(begun.session.id)).toEqual(before);
      expect(await outcomeOf(scene(), current, NOW)).toBe('rotated');
    });

    it('O08 that fails to make its answer leaves the token as good as it was', async () => {
      const { service, store } = scene();
      const begun = await service.begin(aTokenLogin());
      const before = await store.find(begun.session.id);
      const failing = traded('refresh', {
        answer: () => Promise.reject(new StoreUnavailable('the tokens are away')),
      });
      const token = new Secret(reveal(begun.rotating));
      await expect(service.rotate(token, LIVES, failing, NOW)).rejects.toThrow('the tokens are away');
      expect(await store.find(begun.session.id)).toEqual(before);
      expect(await outcomeOf(scene(), token.reveal(), NOW + DAY)).toBe('rotated');
    });

    it('keeps its answer where only the replaced token opens it: not the store, not the token that it gave', async () => {
      const { service, store } = scene();
      const begun = await service.begin(aTokenLogin());
      const token = reveal(begun.rotating);
      const { rotating } = await trade(scene(), token, NOW);
      const stored = await store.find(begun.session.id);
      for (const secret of [token, rotating, token.slice(21), rotating.slice(21)])
        expect(JSON.stringify(stored)).not.toContain(secret);

      // Whoever writes to the store cannot make one generation open what belongs to another.
      const { session } = stored ?? {};
      const previous = session?.rotation?.previous;
      if (session?.rotation === undefined || previous === undefined) throw new Error('there is no answer');
      const forged = { ...previous, digest: hash('sha256', rotating) };
      const rotation = { ...session.rotation, currentDigest: hash('sha256', token), previous: forged };
      expect(await store.replace({ ...session, rotation, revision: 3 }, 2)).toBe('replaced');
      await expect(outcomeOf(scene(), rotating, NOW)).rejects.toThrow(/damaged/);
    });

    it('goes on when the session is changed at the same time, and undoes none of it', async () => {
      const { service } = scene();
      const { rotating, session } = await service.begin(aLogin());
      let asked = 0;
      const options = traded('rememberMe', {
        admit: () => ok(true),
        answer: async (renewed) => {
          asked += 1;
          if (asked === 1) await service.renew(session, 5 * MINUTE, NOW);
          return JSON.stringify({ rotating: reveal(renewed.rotating), cookie: reveal(renewed.cookie) });
        },
      });
      const rotated = await service.rotate(new Secret(reveal(rotating)), LIVES, options, NOW);
      if (!rotated.ok) throw new Error(rotated.error.kind);
      expect(asked).toBe(2);
      expect(rotated.value.session.revision).toBe(3);
      const { cookie = '' } = readAnswer(rotated.value.answer);
      expect((await service.open(new Secret(cookie), NOW)).ok).toBe(true);
    });

    it('does not bring back a session that ends meanwhile', async () => {
      const { service } = scene();
      const { rotating, session } = await service.begin(aTokenLogin());
      const options = traded('refresh', {
        answer: async () => {
          await service.end(session.id);
          return 'never seen';
        },
      });
      expect(await service.rotate(new Secret(reveal(rotating)), LIVES, options, NOW)).toEqual(UNKNOWN);
      expect(await service.find(session.id, NOW)).toBeUndefined();
    });
  });
});
