import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  type BadTargetScene,
  badTargetScene,
  CLIENTS,
  EJECT_MILLISECONDS,
  HEADERS_MILLISECONDS,
  type Ill,
  type Period,
  type SwitchableTarget,
} from '../support/bad-target.ts';

/** `npm run verify` looks longer. */
const ILL_MILLISECONDS = process.env['GATEHOUSE_VERIFY'] === '1' ? 10_000 : 1_000;

function firstOf({ targets }: BadTargetScene): SwitchableTarget {
  const [target] = targets;
  if (target === undefined) throw new Error('no target');
  return target;
}

function shareOfFirst({ taken }: Period): number {
  return (taken[0] ?? 0) / taken.reduce((sum, each) => sum + each, 0);
}

/** Until it takes requests as the others do; milliseconds. */
async function untilShared(scene: BadTargetScene): Promise<number> {
  const begun = performance.now();
  await expect
    .poll(async () => shareOfFirst(await scene.during(() => wait(200))), { timeout: 15_000, interval: 10 })
    .toBeGreaterThan(0.2);
  return performance.now() - begun;
}

function report(what: string, period: Period, returnMilliseconds: number): void {
  const share = (shareOfFirst(period) * 100).toFixed(1);
  process.stdout.write(
    `one target of three ${what} for ${Math.round(period.milliseconds)} ms: ${period.failed} of ${period.answered} answers failed, it took ${share} % of the requests; back after ${Math.round(returnMilliseconds)} ms\n`,
  );
}

/** Each ejection ends with one request that tries; the first one comes after three failures in a row. */
function trialsIn({ milliseconds }: Period, eachMilliseconds: number): number {
  return Math.ceil(milliseconds / eachMilliseconds) + 1;
}

describe('one target of three that', () => {
  it.each<{
    readonly ill: Ill;
    readonly name: string;
    readonly mostFailed: (period: Period) => number;
    readonly mostShare: number;
  }>([
    {
      ill: 'refused',
      // It breaks its connections first.
      name: 'refuses connections fails those under way at most',
      mostFailed: () => CLIENTS,
      mostShare: 0,
    },
    {
      ill: 'resets',
      name: 'resets connections fails those under way and one at a time that tries',
      mostFailed: (period) => CLIENTS + trialsIn(period, EJECT_MILLISECONDS),
      mostShare: 0.2,
    },
    {
      ill: 'stalls',
      name: 'stalls fails those under way and one at a time that tries',
      mostFailed: (period) => 2 * CLIENTS + trialsIn(period, EJECT_MILLISECONDS),
      mostShare: 0.2,
    },
    {
      ill: 'errors',
      name: 'answers errors at once draws few requests, and is not taken out',
      mostFailed: ({ answered }) => answered / 5,
      mostShare: 0.2,
    },
  ])('$name', async ({ ill, mostFailed, mostShare }) => {
    const scene = await badTargetScene();
    await untilShared(scene);
    const target = firstOf(scene);
    await target.become(ill);
    const period = await scene.during(() => wait(ILL_MILLISECONDS));
    const wasUp = await scene.isUp(target);
    await target.become('well');
    report(ill, period, await untilShared(scene));
    expect(period.failed).toBeLessThanOrEqual(mostFailed(period));
    expect(shareOfFirst(period)).toBeLessThanOrEqual(mostShare);
    // The others have answered all the time.
    expect(period.answered - period.failed).toBeGreaterThan(
      (period.milliseconds / HEADERS_MILLISECONDS) * CLIENTS,
    );
    expect(wasUp).toBe(ill === 'errors');
    expect(await scene.isUp(target)).toBe(true);
  });

  it('is slow draws few requests, and fails none', async () => {
    const scene = await badTargetScene({ headersMilliseconds: 30_000 });
    await untilShared(scene);
    const target = firstOf(scene);
    await target.become('slow');
    const period = await scene.during(() => wait(ILL_MILLISECONDS));
    await target.become('well');
    report('slow', period, await untilShared(scene));
    expect(period.failed).toBe(0);
    expect(shareOfFirst(period)).toBeLessThan(0.2);
  });

  it('fails its checks gets nothing until one succeeds', async () => {
    const scene = await badTargetScene({
      health: { path: '/health', every: '50ms', timeout: '200ms', failures: 2 },
    });
    await untilShared(scene);
    const target = firstOf(scene);
    await target.become('errors');
    const begun = performance.now();
    await expect.poll(() => scene.isUp(target), { interval: 10 }).toBe(false);
    process.stdout.write(`checks found it out after ${Math.round(performance.now() - begun)} ms\n`);
    const period = await scene.during(() => wait(ILL_MILLISECONDS / 2));
    expect(period.taken[0]).toBe(0);
    // What was under way when it was found out.
    expect(period.failed).toBeLessThanOrEqual(CLIENTS);
    await target.become('well');
    report('failing its checks', period, await untilShared(scene));
  });
});

it('where all three are ill, each is tried all the same, and the first one that recovers is used at once', async () => {
  const scene = await badTargetScene();
  await untilShared(scene);
  for (const target of scene.targets) await target.become('refused');
  const isDark = async () =>
    (await Promise.all(scene.targets.map((target) => scene.isUp(target)))).every((isUp) => !isUp);
  await expect.poll(isDark, { timeout: 10_000 }).toBe(true);
  const dark = await scene.during(() => wait(200));
  expect([dark.failed, dark.taken]).toEqual([dark.answered, [0, 0, 0]]);
  await firstOf(scene).become('well');
  const answered = () => scene.load.outcomes.get('200') ?? 0;
  const before = answered();
  const begun = performance.now();
  await expect.poll(() => answered() - before, { interval: 5 }).toBeGreaterThan(0);
  process.stdout.write(
    `after an outage of all, answered again after ${Math.round(performance.now() - begun)} ms\n`,
  );
  expect(await scene.gateway.metrics()).toMatch(
    /gatehouse_upstream_failures_total\{upstream="api",code="no_healthy_target"\} [1-9]/,
  );
});
