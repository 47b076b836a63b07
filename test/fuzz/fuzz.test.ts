import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildGatehouse, GATEHOUSE_ENTRY } from '../../bench/targets/gatehouse-build.ts';
import { type FuzzReport, runFuzz } from '../../fuzz/run.ts';
import { openScene, type Scene } from '../../fuzz/scene/scene.ts';

/** `npm run verify` takes minutes. */
const SECONDS = process.env['GATEHOUSE_VERIFY'] === '1' ? 120 : 4;

let scene: Scene;
beforeAll(async () => {
  buildGatehouse();
  scene = await openScene(GATEHOUSE_ENTRY);
});
afterAll(() => scene.close());

async function fuzz(seed: number): Promise<FuzzReport> {
  console.info(`fuzz seed ${seed}: npm run fuzz -- --seed ${seed} --seconds ${SECONDS}`);
  return runFuzz(scene, { seed, seconds: SECONDS, cases: Number.POSITIVE_INFINITY }, () => undefined);
}

function expectSound({ faults, requests, admitted }: FuzzReport): void {
  expect(faults).toEqual([]);
  expect(requests).toBeGreaterThan(50);
  // Else nothing would have come to where it could go wrong.
  expect(admitted / requests).toBeGreaterThan(0.2);
}

describe('whatever bytes come', { timeout: (SECONDS + 60) * 1000 }, () => {
  it('F20 the upstream gets what was admitted, clients get their own answers, the process lives (seed 1)', async () => {
    expectSound(await fuzz(1));
  });

  it('F20 the same with a seed that is new each time, and printed', async () => {
    expectSound(await fuzz(Date.now() % 1_000_000_000));
  });
});
