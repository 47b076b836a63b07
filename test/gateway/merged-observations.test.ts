import { expect, test } from 'vitest';
import { createObservations, mergeObservations } from '../../src/gateway/observations.ts';

test('reports of several processes add up by route, tenant and code, with the first and the latest time', () => {
  const [one, other] = [createObservations(), createObservations()];
  one.record('orders', 'acme', 'credential_missing', 'early', 1_000);
  one.record('orders', undefined, 'credential_missing', 'nobody', 1_500);
  other.record('orders', 'acme', 'credential_missing', 'late', 3_000);
  other.record('orders', 'acme', 'credential_missing', 'latest', 4_000);
  one.record('orders', 'acme', 'credential_missing', 'between', 2_000);
  const same = { route: 'orders', code: 'credential_missing' };
  expect(mergeObservations([one.list(), other.list()])).toEqual([
    { ...same, tenant: 'acme', count: 4, firstAt: 1_000, lastAt: 4_000, lastReason: 'latest' },
    { ...same, tenant: undefined, count: 1, firstAt: 1_500, lastAt: 1_500, lastReason: 'nobody' },
  ]);
});
