import { describe, expect, it, onTestFinished } from 'vitest';
import { createCutNetwork, cutNetworkMissing } from '../support/cut-network.ts';
import { expectDrillPromises } from '../support/drill-report.ts';
import { openDrillScene } from '../support/drill-scene.ts';
import { redisMissing, startRedis } from '../support/redis.ts';

const missing = redisMissing ?? cutNetworkMissing;

describe.skipIf(missing)(
  `R04 one of two gateways, when packets vanish between it and Redis ${missing ?? ''}`,
  () => {
    it('admits nobody for longer than maxLag whom the other has revoked, and serves again when the network is back', {
      timeout: 60_000,
    }, async () => {
      const network = createCutNetwork(2);
      onTestFinished(() => network.remove());
      const redis = await startRedis(['--bind', '0.0.0.0', '--protected-mode', 'no']);
      onTestFinished(() => redis.stop());
      const scene = await openDrillScene({
        redis: { url: `redis://${network.far}:${redis.port}` },
        maxLag: 1500,
        perSecond: 5,
        freshKeys: 60,
        victims: 40,
        places: network.places,
        upstreamHost: network.here,
      });
      onTestFinished(() => scene.stop());
      const report = await scene.run({
        begin: () => network.cut([1], 'everything'),
        lasts: 3000,
        end: () => network.mend(),
      });
      expectDrillPromises(report);
      const failed = report.observations.filter(({ status }) => status === 503);
      expect(new Set(failed.map(({ replica }) => replica))).toEqual(new Set([1]));
      expect(failed.some(({ kind }) => kind === 'remembered key')).toBe(true);
      expect(report.recoveredAt - report.endedAt).toBeLessThan(5000);
    });
  },
);
