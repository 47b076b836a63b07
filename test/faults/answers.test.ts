import { describe, expect, it } from 'vitest';
import { countDuring, expectPromises } from '../support/fault-promises.ts';
import { openFaultScene } from '../support/fault-scene.ts';
import { type RunningRedis, redisMissing } from '../support/redis.ts';

const TIMEOUT = 40_000;
/** Nobody listens there. */
const NOWHERE = ['127.0.0.1', '1'] as const;

/** Ends all connections but that of the test, so that what is asked at a connection's start is asked again. */
function endConnections({ admin }: RunningRedis): Promise<unknown> {
  return admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
}

describe.skipIf(redisMissing)(
  `R04 two gateways keep their promises while Redis answers ${redisMissing ?? ''}`,
  () => {
    it('READONLY, since it became a replica', { timeout: TIMEOUT }, async () => {
      const scene = await openFaultScene();
      const { admin } = scene.redis;
      const trial = await scene.trial({
        begin: () => admin.replicaof(...NOWHERE),
        lasts: 4000,
        end: () => admin.call('REPLICAOF', 'NO', 'ONE'),
      });
      expectPromises(trial, 'READONLY');
      expect(trial.isTakenBackDuring).toBe(false);
      expect(countDuring(trial, 503)).toBeGreaterThan(0);
    });

    it('OOM, which says that nothing can change, so that nobody is refused', {
      timeout: TIMEOUT,
    }, async () => {
      const scene = await openFaultScene();
      const { admin } = scene.redis;
      const trial = await scene.trial({
        begin: () => admin.config('SET', 'maxmemory', '1'),
        lasts: 3500,
        end: () => admin.config('SET', 'maxmemory', '0'),
      });
      expectPromises(trial, 'OOM');
      expect(trial.isTakenBackDuring).toBe(false);
      expect(countDuring(trial, 503)).toBe(0);
    });

    it('LOADING', { timeout: TIMEOUT }, async () => {
      const scene = await openFaultScene({
        redisArgs: ['--enable-debug-command', 'yes', '--loading-process-events-interval-bytes', '1024'],
      });
      const { admin } = scene.redis;
      // Each key takes a millisecond to load: four seconds of it.
      const ballast = Array.from({ length: 4000 }, (_, at) => [`ballast:${at}`, 'x'.repeat(200)]).flat();
      await admin.mset(ballast);
      await admin.config('SET', 'key-load-delay', '1000');
      let loading: Promise<unknown> | undefined;
      const trial = await scene.trial({
        async begin() {
          loading = admin.call('DEBUG', 'RELOAD');
        },
        lasts: 3500,
        end: () => loading,
      });
      expectPromises(trial, 'LOADING');
      expect(trial.isTakenBackDuring).toBe(false);
      expect(countDuring(trial, 503)).toBeGreaterThan(0);
    });

    it('NOAUTH, since it wants a password all at once', { timeout: TIMEOUT }, async () => {
      const scene = await openFaultScene();
      const { redis } = scene;
      const trial = await scene.trial({
        async begin() {
          await redis.admin.config('SET', 'requirepass', 'secret');
          await endConnections(redis);
        },
        lasts: 4000,
        end: () => redis.admin.config('SET', 'requirepass', ''),
      });
      expectPromises(trial, 'NOAUTH');
      expect(trial.isTakenBackDuring).toBe(false);
      expect(countDuring(trial, 503)).toBeGreaterThan(0);
    });

    it('NOSCRIPT again and again, which nobody notices', { timeout: TIMEOUT }, async () => {
      const scene = await openFaultScene();
      let flushing: NodeJS.Timeout | undefined;
      const trial = await scene.trial({
        begin() {
          flushing = setInterval(() => void scene.redis.admin.script('FLUSH'), 20);
        },
        lasts: 2000,
        end: () => clearInterval(flushing),
      });
      expectPromises(trial, 'NOSCRIPT');
      expect(trial.isTakenBackDuring).toBe(true);
      expect(countDuring(trial, 503)).toBe(0);
    });

    it('NOREPLICAS, since its replicas are gone', { timeout: TIMEOUT }, async () => {
      const scene = await openFaultScene();
      const { admin } = scene.redis;
      const trial = await scene.trial({
        begin: () => admin.config('SET', 'min-replicas-to-write', '1'),
        lasts: 3500,
        end: () => admin.config('SET', 'min-replicas-to-write', '0'),
      });
      expectPromises(trial, 'NOREPLICAS');
      expect(trial.isTakenBackDuring).toBe(false);
      expect(countDuring(trial, 503)).toBeGreaterThan(0);
    });
  },
);
