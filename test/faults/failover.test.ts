import { describe, expect, it, onTestFinished } from 'vitest';
import { expectDrillPromises } from '../support/drill-report.ts';
import { openDrillScene } from '../support/drill-scene.ts';
import { redisMissing, until } from '../support/redis.ts';
import { startSentinelGroup } from '../support/sentinel-group.ts';

describe.skipIf(redisMissing)(`R04 two gateways on Sentinel ${redisMissing ?? ''}`, () => {
  it('keep their promises when the primary is killed, and go on with the one that is promoted', {
    timeout: 60_000,
  }, async () => {
    const group = await startSentinelGroup({ downAfter: 500 });
    onTestFinished(() => group.stop());
    const scene = await openDrillScene({ redis: group.redis, perSecond: 5, freshKeys: 60, victims: 40 });
    onTestFinished(() => scene.stop());
    const former = await group.primary();
    const report = await scene.run({
      begin: () => former.kill(),
      lasts: 500,
      end: () => until('another is named', async () => (await group.primary()) !== former, 15_000),
    });
    expectDrillPromises(report);
    expect(report.observations.some(({ status }) => status === 503)).toBe(true);
    expect(report.forgotten.newKeys).toBe(0);
  });
});
