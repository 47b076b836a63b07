import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type CutNetwork, createCutNetwork, cutNetworkMissing } from '../support/cut-network.ts';
import { describeDrill, expectDrillPromises } from '../support/drill-report.ts';
import { openDrillScene } from '../support/drill-scene.ts';
import { redisMissing, startRedis } from '../support/redis.ts';

const missing = redisMissing ?? cutNetworkMissing;

describe.skipIf(missing)(
  `two gateways under load, when packets vanish between them and Redis ${missing ?? ''}`,
  () => {
    let network: CutNetwork;
    beforeAll(() => {
      network = createCutNetwork(2);
    });
    afterAll(() => network.remove());

    async function openScene(freshKeys: number) {
      const redis = await startRedis([
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
        '--bind',
        '0.0.0.0',
        '--protected-mode',
        'no',
      ]);
      onTestFinished(() => redis.stop());
      const scene = await openDrillScene({
        redis: { url: `redis://${network.far}:${redis.port}`, commandTimeout: '1s' },
        places: network.places,
        upstreamHost: network.here,
        freshKeys,
      });
      onTestFinished(() => scene.stop());
      return scene;
    }

    it.each([2, 10, 40])(
      'keep their promises through %d s of it',
      { timeout: 200_000 },
      async (cutSeconds) => {
        const scene = await openScene(100 + cutSeconds * 12);
        const report = await scene.run({
          begin: () => network.cut([0, 1], 'everything'),
          lasts: cutSeconds * 1000,
          end: () => network.mend(),
        });
        process.stdout.write(describeDrill(`packets vanish for ${cutSeconds} s`, report));
        expectDrillPromises(report);
        expect(report.recoveredAt - report.endedAt).toBeLessThan(5000);
      },
    );
  },
);
