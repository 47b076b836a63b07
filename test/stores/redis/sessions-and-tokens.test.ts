import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Session } from '../../../src/sessions/session.ts';
import { anAccessToken, aSession, aTicket, MINUTE, NOW, sessionId } from '../../contract/fixtures.ts';
import { race, recordChanges } from '../../contract/store-adapter.ts';
import { redisMissing, until } from '../../support/redis.ts';
import { useTwoGateways } from './two-gateways.ts';

const STATE = 'gatehouse:{gatehouse:state}:';
const DIGEST = createHash('sha256').update('a token').digest('hex');
const ONE = sessionId('ONE');

function next(session: Session, members: Partial<Session> = {}): Session {
  return { ...session, ...members, revision: session.revision + 1 };
}

describe.skipIf(redisMissing)(
  `sessions and tokens of two gateways on one Redis ${redisMissing ?? ''}`,
  () => {
    const gateways = useTwoGateways();

    /** The value of one line of INFO. */
    async function info(section: string, name: string): Promise<number> {
      const lines = await gateways.redis.admin.info(section);
      return Number(new RegExp(`^${name}:(?:calls=)?(\\d+)`, 'm').exec(lines)?.[1] ?? 0);
    }

    async function createMany(count: number, make: (index: number) => Session): Promise<void> {
      await race(count, (index) => gateways.one.sessions.create(make(index), { sealed: 'jar', revision: 1 }));
    }

    it('what one changes, the other finds and is told of', async () => {
      const told = recordChanges(gateways.other);
      const session = aSession('ONE');
      await gateways.one.sessions.create(session, undefined);
      await gateways.one.sessions.replace(next(session), 1);
      await gateways.one.sessions.saveJar(ONE, { sealed: 'x', revision: 1 }, 0);
      expect(await gateways.other.sessions.find(ONE)).toStrictEqual({
        session: next(session),
        jar: { sealed: 'x', revision: 1 },
      });
      await gateways.one.sessions.end(ONE);
      expect(await gateways.other.sessions.find(ONE)).toBeUndefined();
      await until('the other knows', () => told.length === 3);
      expect(new Set(told.map((change) => JSON.stringify(change)))).toEqual(
        new Set([JSON.stringify({ kind: 'sessionChanged', id: ONE })]),
      );
    });

    it('of many who replace one revision or take one ticket through both, one wins', async () => {
      const session = aSession('ONE');
      await gateways.one.sessions.create(session, undefined);
      await gateways.one.tokens.put(DIGEST, aTicket('k1'));
      const replaced = await race(20, (at) =>
        (at % 2 === 0 ? gateways.one : gateways.other).sessions.replace(next(session), 1),
      );
      const taken = await race(50, (at) =>
        (at % 2 === 0 ? gateways.one : gateways.other).tokens.take(DIGEST),
      );
      expect(replaced.filter((outcome) => outcome === 'replaced')).toHaveLength(1);
      expect(taken.filter((ticket) => ticket !== undefined)).toEqual([aTicket('k1')]);
    });

    it('neither takes what is lost for ended, unknown or used', async () => {
      const session = aSession('ONE');
      await gateways.one.sessions.create(session, { sealed: 'x', revision: 1 });
      await gateways.one.tokens.put(DIGEST, aTicket('k1'));
      await gateways.redis.admin.flushall();
      const lost = [
        gateways.other.sessions.find(ONE),
        gateways.other.sessions.replace(next(session), 1),
        gateways.other.sessions.supersede(ONE, 1, aSession('TWO'), undefined),
        gateways.other.sessions.saveJar(ONE, { sealed: 'y', revision: 2 }, 1),
        gateways.other.sessions.end(ONE),
        gateways.other.sessions.list({ limit: 9 }),
        gateways.other.sessions.create(aSession('NEW'), undefined),
        gateways.other.tokens.find(DIGEST),
        gateways.other.tokens.take(DIGEST),
        gateways.other.tokens.remove(DIGEST),
        gateways.other.tokens.put(DIGEST, aTicket('k2')),
      ];
      for (const answer of await Promise.allSettled(lost))
        expect(answer).toMatchObject({ status: 'rejected', reason: { message: /has lost the data/ } });
      expect(await gateways.redis.admin.keys(`${STATE}*`)).toEqual([]);
    });

    it('nothing is left of sessions that were ended, superseded and pruned', async () => {
      await createMany(60, (index) =>
        aSession(`N${index}`, {
          subject: `user:main:acme:${index % 7}`,
          ...(index % 2 === 0 && { client: `client:c${index % 3}` }),
        }),
      );
      await race(20, (index) => gateways.one.sessions.end(sessionId(`N${index}`)));
      await race(20, (index) =>
        gateways.other.sessions.supersede(sessionId(`N${index + 20}`), 1, aSession(`S${index}`), {
          sealed: 'jar',
          revision: 1,
        }),
      );
      expect(await gateways.redis.admin.zcard(`${STATE}session-expiries`)).toBe(40);
      expect(await gateways.one.sessions.prune(NOW + 60 * MINUTE)).toBe(40);
      expect((await gateways.redis.admin.keys('*')).toSorted()).toEqual([`${STATE}changes`, `${STATE}feed`]);
    });

    it('a page of one subject is read without the sessions of others, and without its other pages', async () => {
      await createMany(1000, (index) => aSession(`N${index}`, { agent: 'x'.repeat(200) }));
      await createMany(1000, (index) =>
        aSession(`M${index}`, { agent: 'x'.repeat(200), subject: 'user:main:acme:busy' }),
      );
      const before = await info('stats', 'total_net_output_bytes');
      const page = await gateways.one.sessions.list({
        subject: 'user:main:acme:busy',
        after: sessionId('M5'),
        limit: 50,
      });
      expect(page).toHaveLength(50);
      const read = (await info('stats', 'total_net_output_bytes')) - before;
      expect(read).toBeGreaterThan(50 * 200);
      expect(read).toBeLessThan(50 * 1000);
    });

    it('a session whose subject has the same short hash is not another one’s', async () => {
      const mine = aSession('MINE');
      await gateways.one.sessions.create(mine, undefined);
      await gateways.one.sessions.create(aSession('OTHER', { subject: 'user:main:acme:other' }), undefined);
      const members = await gateways.redis.admin.zrange(`${STATE}session-index`, '0', '-1');
      const member = members.find((name) => name.startsWith('s') && name.endsWith(mine.id)) ?? '';
      expect(member).toHaveLength(28);
      for (const id of [sessionId('OTHER'), sessionId('GHOST')])
        await gateways.redis.admin.zadd(`${STATE}session-index`, 0, member.replace(mine.id, id));
      expect(await gateways.one.sessions.list({ subject: mine.subject, limit: 9 })).toEqual([mine]);
    });

    it('thousands are pruned in steps of 250, so that nobody waits long for one', async () => {
      await createMany(1100, (index) => aSession(`N${index}`, { absoluteEnd: NOW }));
      await gateways.redis.admin.config('RESETSTAT');
      expect(await gateways.one.sessions.prune(NOW)).toBe(1100);
      expect(await info('commandstats', 'cmdstat_hmget')).toBe(5);
    });

    it('a damaged session is an outage, never an ended one', async () => {
      await gateways.one.sessions.create(aSession('ONE'), undefined);
      await gateways.redis.admin.hset(`${STATE}sessions`, ONE, '{"k":');
      for (const call of [
        () => gateways.one.sessions.find(ONE),
        () => gateways.one.sessions.replace(next(aSession('ONE')), 1),
        () => gateways.one.sessions.end(ONE),
        () => gateways.one.sessions.list({ limit: 9 }),
      ])
        await expect(call()).rejects.toThrow('The Redis store holds a record that cannot be read.');
    });

    it('a token is kept until its expiry and a minute longer, under its digest alone', async () => {
      await gateways.one.tokens.put(DIGEST, anAccessToken('t1', { expiresAt: NOW + 5 * MINUTE }));
      const late = createHash('sha256').update('late').digest('hex');
      await gateways.one.tokens.put(late, anAccessToken('t2', { expiresAt: NOW - 5 * MINUTE }));
      const name = `gatehouse:token:${Buffer.from(DIGEST, 'hex').toString('base64url')}`;
      const life = await gateways.redis.admin.pttl(name);
      const untilExpiry = NOW + 5 * MINUTE - Date.now();
      expect(life).toBeGreaterThan(untilExpiry);
      expect(life).toBeLessThanOrEqual(6 * MINUTE);
      const lateLife = await gateways.redis.admin.pttl(
        `gatehouse:token:${Buffer.from(late, 'hex').toString('base64url')}`,
      );
      expect(lateLife).toBeGreaterThan(0);
      expect(lateLife).toBeLessThanOrEqual(MINUTE);
    });
  },
);
