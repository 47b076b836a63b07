import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { NOW } from '../contract/fixtures.ts';
import { race } from '../contract/store-adapter.ts';
import { LIVES, readAnswer, reveal, traded } from './rotation-options.ts';
import { aLogin, aTokenLogin, onBothStores } from './scene.ts';

const RACERS = 50;
const ROUNDS = 20;

describe('races', { timeout: 60_000 }, () => {
  onBothStores((scene) => {
    it.each([
      ['refresh', aTokenLogin()],
      ['rememberMe', aLogin()],
    ] as const)(
      `O07 of ${RACERS} who present one credential (%s) all get one and the same answer`,
      async (kind, login) => {
        const { service, store, replica } = scene();
        for (let round = 0; round < ROUNDS; round += 1) {
          const { session, rotating } = await service.begin({ ...login, subject: `user:${round}` });
          const presented = new Secret(reveal(rotating));
          // The clocks of two replicas differ by some seconds.
          const outcomes = await race(RACERS, (index) =>
            replica(index).rotate(presented, LIVES, traded(kind), NOW + (index % 2) * 5000),
          );
          const rotated = outcomes.map((outcome) => {
            if (!outcome.ok) throw new Error(`refused: ${outcome.error.kind}`);
            return outcome.value;
          });
          expect(rotated.filter(({ isRepeated }) => !isRepeated)).toHaveLength(1);
          expect(new Set(rotated.map(({ answer }) => answer)).size).toBe(1);
          const { rotating: successor, cookie } = readAnswer(rotated[0]?.answer ?? '');
          const stored = (await store.find(session.id))?.session;
          expect(stored?.rotation?.currentDigest).toBe(hash('sha256', successor));
          expect(stored?.revision).toBe(2);
          if (cookie !== undefined) expect((await service.open(new Secret(cookie), NOW)).ok).toBe(true);
        }
      },
    );

    it(`O07 of ${RACERS} who present an old credential none gets anything, and the session is over`, async () => {
      const { service, replica } = scene();
      for (let round = 0; round < ROUNDS; round += 1) {
        const { session, rotating } = await service.begin(aTokenLogin({ subject: `user:${round}` }));
        const stolen = new Secret(reveal(rotating));
        const first = await service.rotate(stolen, LIVES, traded('refresh'), NOW);
        if (!first.ok) throw new Error(first.error.kind);
        const current = new Secret(readAnswer(first.value.answer).rotating);
        const outcomes = await race(RACERS, (index) =>
          replica(index).rotate(index === 7 ? current : stolen, LIVES, traded('refresh'), NOW + 20_000),
        );
        const kinds = outcomes.map((outcome) => (outcome.ok ? 'rotated' : outcome.error.kind));
        expect(kinds.filter((kind, index) => index !== 7 && kind === 'rotated')).toEqual([]);
        expect(kinds).toContain('reused');
        expect(await service.find(session.id, NOW)).toBeUndefined();
      }
    });

    it(`${RACERS} answers that set different cookies at once all have theirs kept`, async () => {
      const { service, replica } = scene();
      for (let round = 0; round < ROUNDS; round += 1) {
        const { session, cookie } = await service.begin(aLogin({ subject: `user:${round}` }));
        await race(RACERS, (index) =>
          replica(index).keepCookies(session.id, [
            { upstream: 'api', name: `c${index}`, value: `v${index}`, path: '/', version: 1 },
          ]),
        );
        const opened = await service.open(new Secret(reveal(cookie)), NOW);
        if (!opened.ok) throw new Error(opened.error.kind);
        const kept = new Map(opened.value.jar.cookies.map(({ name, value }) => [name, value]));
        expect(kept.size).toBe(RACERS + 1);
        for (let index = 0; index < RACERS; index += 1) expect(kept.get(`c${index}`)).toBe(`v${index}`);
      }
    });

    it(`of ${RACERS} answers to requests with one version of a cookie the first one is kept`, async () => {
      const { service, replica } = scene();
      for (let round = 0; round < ROUNDS; round += 1) {
        const { session } = await service.begin(aLogin({ subject: `user:${round}` }));
        const jars = await race(RACERS, (index) =>
          replica(index).keepCookies(session.id, [
            { upstream: 'api', name: 'JSESSIONID', value: `v${index}`, path: '/', version: 2 },
          ]),
        );
        const found = await service.find(session.id, NOW);
        expect(found?.jar.cookies).toHaveLength(1);
        expect(found?.jar.cookies[0]?.version).toBe(2);
        for (const jar of jars) expect(jar?.cookies).toEqual(found?.jar.cookies);
      }
    });
  });
});
