import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type CutNetwork, createCutNetwork, cutNetworkMissing } from '../support/cut-network.ts';
import { describeDrill, expectDrillPromises } from '../support/drill-report.ts';
import { type DrillReport, type DrillScene, openDrillScene } from '../support/drill-scene.ts';
import { redisMissing, startRedis } from '../support/redis.ts';

const missing = redisMissing ?? cutNetworkMissing;

/** Milliseconds after the network is back; a connection would need minutes for it by itself. */
const RECOVERED_WITHIN = 5000;
/** Milliseconds: `commandTimeout`, twice where a login asks twice, and some patience with a busy machine. */
const ANSWERED_WITHIN = 4000;

describe.skipIf(missing)(
  `two gateways under load, when packets vanish between them and Redis ${missing ?? ''}`,
  () => {
    let network: CutNetwork;
    beforeAll(() => {
      network = createCutNetwork(2);
    });
    afterAll(() => network.remove());

    async function openScene(freshKeys: number, perSecond = 10): Promise<DrillScene> {
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
        perSecond,
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
        show(`packets vanish for ${cutSeconds} s`, report);
        expectDrillPromises(report);
        expect(report.recoveredAt - report.endedAt).toBeLessThan(RECOVERED_WITHIN);
      },
    );

    it.each(['everything', 'answers'] as const)(
      'keep their promises when %s to one of them alone is lost for 12 s',
      { timeout: 200_000 },
      async (what) => {
        const scene = await openScene(250);
        const report = await scene.run({
          begin: () => network.cut([1], what),
          lasts: 12_000,
          end: () => network.mend(),
        });
        show(`one of two cut off for 12 s, ${what} lost`, report);
        expectDrillPromises(report);
        expect(report.recoveredAt - report.endedAt).toBeLessThan(RECOVERED_WITHIN);
        // The other one goes on all the while, and revokes.
        expect(report.observations.filter(({ replica, status }) => replica === 0 && status === 503)).toEqual(
          [],
        );
        expect(report.acknowledged.revocations).toBeGreaterThan(20);
      },
    );

    it('hold neither memory nor clients up while a hundred requests a second want Redis', {
      timeout: 200_000,
    }, async () => {
      const scene = await openScene(1500, 50);
      const before = await residentBytes(scene);
      const report = await scene.run({
        begin: () => network.cut([0, 1], 'everything'),
        lasts: 10_000,
        end: () => network.mend(),
      });
      const grown = (await residentBytes(scene)).map((bytes, at) => (bytes - (before[at] ?? 0)) / 1_000_000);
      show('packets vanish for 10 s, 50 of each a second', report);
      process.stdout.write(
        `resident memory grew by ${grown.map((size) => size.toFixed(0)).join(' and ')} MB\n`,
      );
      expectDrillPromises(report);
      const waited = report.observations.map(({ sentAt, answeredAt }) => answeredAt - sentAt);
      expect(Math.max(...waited)).toBeLessThan(ANSWERED_WITHIN);
      expect(Math.max(...grown)).toBeLessThan(100);
    });
  },
);

function show(name: string, report: DrillReport): void {
  process.stdout.write(describeDrill(name, report));
}

async function residentBytes(scene: DrillScene): Promise<readonly number[]> {
  return Promise.all(
    scene.replicas.map(async (replica) => {
      const found = /^process_resident_memory_bytes (\d+)/m.exec(await replica.ops('/metrics'));
      return Number(found?.[1]);
    }),
  );
}
