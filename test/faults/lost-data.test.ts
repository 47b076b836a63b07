import { describe, expect, it, onTestFinished } from 'vitest';
import { countDuring, expectPromises } from '../support/fault-promises.ts';
import { DURABLE, openFaultScene } from '../support/fault-scene.ts';
import { type RunningRedis, redisMissing, startRedis, until } from '../support/redis.ts';
import { startTcpRelay, type TcpRelay } from '../support/tcp-relay.ts';

const TIMEOUT = 40_000;
const REVOCATIONS = 'gatehouse:{gatehouse:state}:revocations';

describe.skipIf(redisMissing)(
  `R04 two gateways keep their promises though Redis ${redisMissing ?? ''}`,
  () => {
    it('was flushed, until its backup is back', { timeout: TIMEOUT }, async () => {
      const scene = await openFaultScene();
      let backup: Backup = [];
      const trial = await scene.trial({
        async begin() {
          backup = await takeBackup(scene.redis);
          await scene.redis.admin.flushall();
        },
        lasts: 4000,
        end: () => restoreBackup(scene.redis, backup),
      });
      expectPromises(trial, 'FLUSHALL');
      expect(trial.isTakenBackDuring).toBe(false);
      expect(countDuring(trial, 503)).toBeGreaterThan(0);
    });

    it('was flushed and begun anew by a further gateway: what was revoked stays so', {
      timeout: TIMEOUT,
    }, async () => {
      const scene = await openFaultScene();
      const { redis } = scene;
      const known = await redis.admin.hlen(REVOCATIONS);
      expect(known).toBe(2);
      await redis.admin.flushall();
      expect(await scene.statusesOf('uncached keys')).toEqual([503, 503]);
      await scene.startAnother();
      const seen = new Set<number>();
      await until('both gateways follow the new store', async () => {
        for (const status of await scene.statusesOf('revoked subject')) seen.add(status);
        return (await scene.statusesOf('uncached keys')).every((status) => status === 401);
      });
      await until(
        'what was revoked is put back',
        async () => (await redis.admin.hlen(REVOCATIONS)) === known,
      );
      for (const status of await scene.statusesOf('revoked subject')) seen.add(status);
      expect([...seen].filter((status) => status !== 503)).toEqual([401]);
      expect(await scene.statusesOf('valid token')).toEqual([200, 200]);
    });

    it('failed over to a replica that lost the last second', { timeout: TIMEOUT }, async () => {
      const replica = await startRedis(DURABLE);
      onTestFinished(() => replica.stop());
      let relay: TcpRelay | undefined;
      const scene = await openFaultScene({
        redisArgs: ['--repl-diskless-sync-delay', '0'],
        async portFor({ port }) {
          relay = await startTcpRelay(port);
          onTestFinished(() => relay?.close());
          return relay.port;
        },
      });
      const primary = scene.redis;
      await replica.admin.replicaof('127.0.0.1', String(primary.port));
      await until('the replica is in step', () => isInStep(primary, replica));
      await replica.admin.call('REPLICAOF', 'NO', 'ONE');
      const kept = await replica.admin.hlen(REVOCATIONS);
      const trial = await scene.trial({
        takeBack: 'before',
        async begin() {
          expect(await primary.admin.hlen(REVOCATIONS)).toBe(kept + 2);
          await primary.kill();
          relay?.cut();
          if (relay !== undefined) relay.target = replica.port;
        },
        lasts: 500,
        end: () => relay?.mend(),
      });
      expectPromises(trial, 'failover that lost the last second');
      // Nobody asked for it again: a gateway that knew has put it back.
      expect(trial.isTakenBackDuring).toBe(true);
      await until('the new primary knows what it had lost', async () => {
        return (await replica.admin.hlen(REVOCATIONS)) === kept + 2;
      });
    });
  },
);

async function isInStep(primary: RunningRedis, replica: RunningRedis): Promise<boolean> {
  const [offset, reached] = await Promise.all([
    readInfo(primary, 'master_repl_offset'),
    readInfo(replica, 'slave_repl_offset'),
  ]);
  return reached !== undefined && reached === offset && (await replica.admin.exists(REVOCATIONS)) === 1;
}

async function readInfo({ admin }: RunningRedis, name: string): Promise<string | undefined> {
  return new RegExp(`^${name}:(\\d+)`, 'm').exec(await admin.info('replication'))?.[1];
}

type Backup = readonly (readonly [key: string, value: Buffer])[];

async function takeBackup({ admin }: RunningRedis): Promise<Backup> {
  const keys = await admin.keys('*');
  return Promise.all(keys.map(async (key) => [key, (await admin.dumpBuffer(key)) ?? Buffer.of()] as const));
}

/** In one step, as a server that starts with its file would have it. */
async function restoreBackup({ admin }: RunningRedis, backup: Backup): Promise<void> {
  const restoring = admin.multi();
  for (const [key, value] of backup) restoring.restore(key, 0, value, 'REPLACE');
  await restoring.exec();
}
