import { describe, expect, it } from 'vitest';
import { createFailureBudget, peerKey } from '../../src/authentication/failure-budget.ts';
import { createRateBuckets } from '../../src/limits/rate-buckets.ts';

const RATE = { count: 3, windowMilliseconds: 60_000 };

describe('the budget of failures', () => {
  it('is exhausted by as many failures as the rate allows, and says when one more may come', () => {
    const budget = createFailureBudget(RATE, createRateBuckets());
    for (const _failure of [1, 2, 3]) {
      expect(budget.isExhausted('192.0.2.1', 0)).toBeUndefined();
      budget.recordFailure('192.0.2.1', 0);
    }
    expect(budget.isExhausted('192.0.2.1', 0)).toBe(20);
    expect(budget.isExhausted('192.0.2.1', 19_500)).toBe(1);
    expect(budget.isExhausted('192.0.2.1', 20_000)).toBeUndefined();
  });

  it('forgives evenly: after the wait there is room for one, after the window for all', () => {
    const budget = createFailureBudget(RATE, createRateBuckets());
    for (const _failure of [1, 2, 3]) budget.recordFailure('192.0.2.1', 0);
    budget.recordFailure('192.0.2.1', 20_000);
    expect(budget.isExhausted('192.0.2.1', 20_000)).toBe(20);
    for (const _failure of [1, 2]) budget.recordFailure('192.0.2.1', 80_000);
    expect(budget.isExhausted('192.0.2.1', 80_000)).toBeUndefined();
  });

  it('does not grow a debt beyond the budget, however many requests were in flight', () => {
    const budget = createFailureBudget(RATE, createRateBuckets());
    for (let failure = 0; failure < 1000; failure += 1) budget.recordFailure('192.0.2.1', 0);
    expect(budget.isExhausted('192.0.2.1', 0)).toBe(20);
  });

  it('is one per peer: what another peer does changes nothing', () => {
    const budget = createFailureBudget(RATE, createRateBuckets());
    for (const _failure of [1, 2, 3]) budget.recordFailure('192.0.2.1', 0);
    expect(budget.isExhausted('192.0.2.2', 0)).toBeUndefined();
    expect(budget.isExhausted('::ffff:192.0.2.1', 0)).toBe(20);
  });

  it('forgives nothing to a clock that runs backwards', () => {
    const budget = createFailureBudget(RATE, createRateBuckets());
    for (const _failure of [1, 2, 3]) budget.recordFailure('192.0.2.1', 100_000);
    // Until the clock has caught up nothing is given back.
    expect(budget.isExhausted('192.0.2.1', 0)).toBe(120);
  });
});

describe('a peer', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['/run/gatehouse.sock', '/run/gatehouse.sock'],
    ['', ''],
  ])('%s counts as %s', (address, key) => {
    expect(peerKey(address)).toBe(key);
  });
});
