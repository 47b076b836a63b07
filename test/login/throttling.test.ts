import { describe, expect, onTestFinished, test } from 'vitest';
import { startLegacyApi } from '../../demo/legacy-api/server.ts';
import type { AttemptStore } from '../../src/limits/attempt-store.ts';
import { onBothStores } from '../sessions/scene.ts';
import { type LoginScene, loginScene, NOW } from './scene.ts';

async function sceneOf(attempts: AttemptStore, failedLogins: object, login: object = {}) {
  const legacy = await startLegacyApi({ port: 0 });
  onTestFinished(() => legacy.close());
  return { legacy, scene: loginScene({ url: legacy.url, attempts, failedLogins, login }) };
}

/** Kinds of the outcomes of many logins at once. */
async function race(count: number, logIn: (index: number) => ReturnType<LoginScene['logIn']>) {
  const outcomes = await Promise.all(Array.from({ length: count }, (_, index) => logIn(index)));
  return outcomes.map(({ kind }) => kind);
}

onBothStores((store) => {
  const attempts = () => {
    const [stores] = store().stores;
    if (stores === undefined) throw new Error('no store');
    return stores.attempts;
  };

  test('O14: of 50 wrong passwords at once, exactly as many as the limit reach the upstream', async () => {
    const { legacy, scene } = await sceneOf(attempts(), { perUser: '10/h', perPeer: '1000/h' });
    const kinds = await race(50, (index) => scene.logIn({ password: `wrong ${index}` }));
    expect(legacy.received()).toHaveLength(10);
    expect(kinds.filter((kind) => kind === 'rejected')).toHaveLength(10);
    expect(kinds.filter((kind) => kind === 'throttled')).toHaveLength(40);
    // Not even the right one is asked about.
    expect(await scene.logIn()).toEqual({ kind: 'throttled', by: 'user', retryAfterSeconds: 360 });
    expect(legacy.received()).toHaveLength(10);
    expect(await scene.logIn({ now: NOW + 360_000 })).toMatchObject({ kind: 'accepted' });
  });

  test('J25: spellings of one name share one count', async () => {
    const { legacy, scene } = await sceneOf(attempts(), { perUser: '3/h' });
    for (const username of ['ANNA', 'anna ', '\uff41nna', '  AnNa', 'anna'])
      await scene.logIn({ username, password: 'wrong' });
    expect(legacy.received()).toHaveLength(3);
    expect(await scene.logIn({ username: 'bert', password: 'acme-bert-pw' })).toMatchObject({
      kind: 'accepted',
    });
  });

  test('L05: two login blocks of one upstream share the count of a user', async () => {
    const { legacy, scene } = await sceneOf(attempts(), { perUser: '4/h' });
    const kinds = await race(20, (index) => {
      const guess = { password: `wrong ${index}` };
      return index % 2 === 0 ? scene.logIn(guess) : scene.logInFurther(guess);
    });
    expect(kinds.filter((kind) => kind === 'rejected')).toHaveLength(4);
    expect(legacy.received()).toHaveLength(4);
    expect((await scene.logInFurther()).kind).toBe('throttled');
  });

  test('S02: names that nobody has are counted as those that somebody has', async () => {
    const { scene } = await sceneOf(attempts(), { perUser: '2/h' });
    for (const username of ['anna', 'nobody']) {
      const kinds: string[] = [];
      for (let each = 0; each < 3; each += 1)
        kinds.push((await scene.logIn({ username, password: 'wrong' })).kind);
      expect(kinds).toEqual(['rejected', 'rejected', 'throttled']);
    }
  });

  test('a name is counted per tenant, where each has users of its own', async () => {
    const { scene } = await sceneOf(attempts(), { perUser: '1/h' });
    await scene.logIn({ password: 'wrong' });
    expect((await scene.logIn()).kind).toBe('throttled');
    expect((await scene.logIn({ tenant: 'globex', password: 'globex-anna-pw' })).kind).toBe('accepted');
  });

  test('a name is counted once over all tenants, where they share users', async () => {
    const { scene } = await sceneOf(attempts(), { perUser: '1/h' }, { membershipAuthority: 'shared' });
    await scene.logIn({ password: 'wrong' });
    expect((await scene.logIn({ tenant: 'globex' })).kind).toBe('throttled');
  });

  test('one address that tries many names is stopped, an IPv6 network like one address, and locks none of them out', async () => {
    const { legacy, scene } = await sceneOf(attempts(), { perUser: '2/h', perPeer: '5/h' });
    const kinds = await race(20, (index) =>
      scene.logIn({ username: `user${index}`, password: 'wrong', peer: `2001:db8::${index + 1}` }),
    );
    expect(kinds.filter((kind) => kind === 'rejected')).toHaveLength(5);
    expect(legacy.received()).toHaveLength(5);
    const blocked = await race(20, () => scene.logIn({ peer: '2001:db8::ffff' }));
    expect(new Set(blocked)).toEqual(new Set(['throttled']));
    expect((await scene.logIn()).kind).toBe('accepted');
  });

  test('right passwords count nothing', async () => {
    const { scene } = await sceneOf(attempts(), { perUser: '1/h', perPeer: '1/h' });
    for (let each = 0; each < 3; each += 1) expect((await scene.logIn()).kind).toBe('accepted');
  });
});

describe('a login that is throttled as a user', () => {
  test('costs its peer nothing', async () => {
    const taken: string[] = [];
    const attempts: AttemptStore = {
      take: (key) => {
        taken.push(`+ ${key}`);
        const isUser = key.startsWith('login:user:');
        return Promise.resolve(
          isUser ? { kind: 'exhausted', retryAfterMilliseconds: 1 } : { kind: 'taken', remaining: 1 },
        );
      },
      giveBack: (key) => {
        taken.push(`- ${key}`);
        return Promise.resolve();
      },
    };
    const { scene } = await sceneOf(attempts, {});
    expect(await scene.logIn({ username: 'a:b', peer: '::ffff:192.0.2.9' })).toEqual({
      kind: 'throttled',
      by: 'user',
      retryAfterSeconds: 1,
    });
    expect(taken).toEqual([
      '+ login:peer:192.0.2.9',
      '+ login:user:api:acme:a%3Ab',
      '- login:peer:192.0.2.9',
    ]);
  });
});
