import { describe, expect, it } from 'vitest';
import { aClient, clientId, MINUTE, NOW } from '../../contract/fixtures.ts';
import { race, recordChanges } from '../../contract/store-adapter.ts';
import { redisMissing, until } from '../../support/redis.ts';
import { useTwoGateways } from './two-gateways.ts';

const RATE = { count: 10, windowMilliseconds: MINUTE };
const web = clientId('web');

describe.skipIf(redisMissing)(`two gateways on one Redis ${redisMissing ?? ''}`, () => {
  const gateways = useTwoGateways();

  async function bucketNames(): Promise<readonly string[]> {
    return gateways.redis.admin.keys('gatehouse:attempts:*');
  }

  it('share a bucket: of 50 takes at once through both, exactly 10 get one', async () => {
    const outcomes = await race(50, (at) =>
      (at % 2 === 0 ? gateways.one : gateways.other).attempts.take('key', RATE, NOW),
    );
    expect(outcomes.filter(({ kind }) => kind === 'taken')).toHaveLength(10);
  });

  it('whose clocks differ get no more for it', async () => {
    const outcomes = await race(50, (at) =>
      at % 2 === 0
        ? gateways.one.attempts.take('key', RATE, NOW)
        : gateways.other.attempts.take('key', RATE, NOW - 5000),
    );
    expect(outcomes.filter(({ kind }) => kind === 'taken')).toHaveLength(10);
  });

  it('keep a bucket until it is full and a minute longer, and what somebody typed is not in its name', async () => {
    await gateways.one.attempts.take('login:acme:alice@example.com', RATE, NOW);
    const [name = '', ...rest] = await bucketNames();
    expect(rest).toEqual([]);
    expect(name).not.toMatch(/acme|alice/);
    const life = await gateways.redis.admin.pttl(name);
    expect(life).toBeGreaterThan(MINUTE);
    expect(life).toBeLessThanOrEqual(MINUTE + RATE.windowMilliseconds / RATE.count);
    expect(await gateways.redis.admin.get(name)).toBe(`1 ${NOW}`);
    await race(2, () => gateways.one.attempts.giveBack('login:acme:alice@example.com', RATE, NOW + 1));
    expect(await gateways.redis.admin.get(name)).toBe(`0 ${NOW + 1}`);
  });

  it('begin a bucket anew when the server has lost it, and count in it again', async () => {
    await race(20, () => gateways.one.attempts.take('key', RATE, NOW));
    await gateways.redis.admin.del(...(await bucketNames()));
    await gateways.one.attempts.giveBack('key', RATE, NOW);
    const outcomes = await race(20, () => gateways.other.attempts.take('key', RATE, NOW));
    expect(outcomes.filter(({ kind }) => kind === 'taken')).toHaveLength(10);
  });

  it('tell each other of clients, and neither takes a lost one for unknown', async () => {
    const told = recordChanges(gateways.other);
    await gateways.one.clients.create(aClient('web'));
    await until('the other knows', () => told.length === 1);
    expect(told).toEqual([{ kind: 'clientChanged', id: web }]);
    expect(await gateways.other.clients.find(web)).toEqual(aClient('web'));
    await gateways.redis.admin.flushall();
    const lost = [
      gateways.other.clients.find(web),
      gateways.other.clients.list(),
      gateways.other.clients.remove(web),
      gateways.other.clients.replace(aClient('web', { revision: 2 }), 1),
      gateways.other.clients.create(aClient('new')),
    ];
    for (const answer of await Promise.allSettled(lost))
      expect(answer).toMatchObject({ status: 'rejected', reason: { message: /has lost the data/ } });
    expect(await gateways.redis.admin.keys('*')).toEqual([]);
  });
});
