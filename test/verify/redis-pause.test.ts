import { describe, expect, it } from 'vitest';
import { countDuring, expectPromises } from '../support/fault-promises.ts';
import { openFaultScene } from '../support/fault-scene.ts';
import { redisMissing } from '../support/redis.ts';

describe.skipIf(redisMissing)(`two gateways with the default maxLag ${redisMissing ?? ''}`, () => {
  it('keep their promises while Redis stands still (SIGSTOP) for 10 s', { timeout: 120_000 }, async () => {
    const scene = await openFaultScene({ maxLag: 5000, perSecond: 50 });
    const trial = await scene.trial({
      begin: () => scene.redis.pause(),
      lasts: 10_000,
      end: () => scene.redis.resume(),
    });
    expectPromises(trial, 'SIGSTOP for 10 s, maxLag 5 s, 50 requests/s of each');
    expect(countDuring(trial, 503)).toBeGreaterThan(0);
  });
});
