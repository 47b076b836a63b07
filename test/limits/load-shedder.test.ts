import { describe, expect, it } from 'vitest';
import { AdmittedShare } from '../../src/limits/load-shedder.ts';

const TARGET = 50;

/** Looks every 100 ms, between which `requests` come; how many of all were admitted. */
function run(
  share: AdmittedShare,
  looks: number,
  lateness: (look: number) => number,
  requests = 10,
  idle = 0,
): number {
  let admitted = 0;
  for (let look = 0; look < looks; look += 1) {
    for (let request = 0; request < requests; request += 1) if (share.admits()) admitted += 1;
    share.look(lateness(look), idle, 100);
  }
  return admitted;
}

describe('the admitted share', () => {
  it('is everything while the process is in time', () => {
    const share = new AdmittedShare(TARGET);
    expect(run(share, 100, () => TARGET)).toBe(1000);
    expect(share.share).toBe(1);
  });

  it('does not fall for single pauses, however long', () => {
    const share = new AdmittedShare(TARGET);
    expect(run(share, 100, (look) => (look % 3 === 0 ? 1000 : 0))).toBe(1000);
  });

  it('does not fall where hardly anything is asked: it is not requests that hold up the process', () => {
    const share = new AdmittedShare(TARGET);
    expect(run(share, 100, () => 1000, 1)).toBe(100);
  });

  it('does not fall where the process has time: others keep the machine from running it', () => {
    const share = new AdmittedShare(TARGET);
    expect(run(share, 100, () => 1000, 10, 30)).toBe(1000);
    expect(run(share, 100, () => 1000, 10, 10)).toBeLessThan(1000);
  });

  it('falls by at least a tenth and at most the half in each while that is late throughout', () => {
    const slightly = new AdmittedShare(TARGET);
    run(slightly, 3, () => TARGET + 1);
    expect(slightly.share).toBeCloseTo(0.9);
    const badly = new AdmittedShare(TARGET);
    run(badly, 3, () => 100 * TARGET);
    expect(badly.share).toBeCloseTo(0.5);
  });

  it('spreads refusals evenly', () => {
    const share = new AdmittedShare(TARGET);
    run(share, 3, () => 100 * TARGET);
    const outcomes = Array.from({ length: 10 }, () => share.admits());
    expect(outcomes.filter(Boolean)).toHaveLength(5);
    expect(outcomes.slice(0, 4).filter(Boolean)).toHaveLength(2);
  });

  it('never falls to nothing, and comes back to everything', () => {
    const share = new AdmittedShare(TARGET);
    run(share, 300, () => 100 * TARGET);
    expect(share.share).toBeGreaterThan(0);
    expect(run(share, 30, () => 0, 100)).toBeGreaterThan(0);
    run(share, 300, () => 0);
    expect(share.share).toBe(1);
  });

  it('settles where the process is just in time, if lateness grows with what is admitted', () => {
    const share = new AdmittedShare(TARGET);
    const half = () => (share.share > 0.5 ? 200 : 10);
    run(share, 200, half, 100);
    const admitted = run(share, 200, half, 100);
    expect(admitted / 20_000).toBeGreaterThan(0.35);
    expect(admitted / 20_000).toBeLessThan(0.6);
  });
});
