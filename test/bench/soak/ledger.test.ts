import { expect, test } from 'vitest';
import { createLedger } from '../../../bench/soak/judge/ledger.ts';

function openLedger() {
  const clock = { now: 0 };
  return { clock, ledger: createLedger(() => clock.now) };
}

test('an answer that the rules list is explained, and any other is a fault', () => {
  const { ledger } = openLedger();
  ledger.note({ asker: 'steady load', outcome: '200', sentAt: 1, answeredAt: 2, count: 5 });
  expect(ledger.faults().size).toBe(0);
  ledger.note({ asker: 'steady load', outcome: '500 internal_error', sentAt: 1, answeredAt: 2, count: 3 });
  ledger.note({ asker: 'steady load', outcome: 'cut', sentAt: 1, answeredAt: 2 });
  expect([...ledger.faults()]).toEqual([
    ['steady load: 500 internal_error', 3],
    ['steady load: cut', 1],
  ]);
  expect(ledger.total()).toBe(9);
});

test('a revoked key that is admitted is a fault, whether the store is away or not', () => {
  const { ledger } = openLedger();
  ledger.note({ asker: 'revoked key', outcome: '401 credential_revoked', sentAt: 1, answeredAt: 2 });
  ledger.storeGoesAway();
  ledger.note({ asker: 'revoked key', outcome: '503 store_unavailable', sentAt: 1, answeredAt: 2 });
  expect(ledger.faults().size).toBe(0);
  ledger.note({ asker: 'revoked key', outcome: '200', sentAt: 1, answeredAt: 2 });
  expect([...ledger.faults().keys()]).toEqual(['revoked key: 200 while the store is away']);
});

test('503 for want of the store is explained while it is away and shortly after, not before and not later', () => {
  const { clock, ledger } = openLedger();
  const unavailable = (sentAt: number, answeredAt: number): number => {
    const before = [...ledger.faults().values()].reduce((sum, count) => sum + count, 0);
    ledger.note({ asker: 'login', outcome: '503 store_unavailable', sentAt, answeredAt });
    return [...ledger.faults().values()].reduce((sum, count) => sum + count, 0) - before;
  };
  clock.now = 10_000;
  const comesBack = ledger.storeGoesAway();
  expect(unavailable(9000, 9999)).toBe(1);
  expect(unavailable(9000, 10_000)).toBe(0);
  clock.now = 20_000;
  comesBack();
  expect(unavailable(15_000, 25_000)).toBe(0);
  expect(unavailable(21_500, 21_600)).toBe(0);
  expect(unavailable(21_501, 21_600)).toBe(1);
});

test('what is refused to save work is counted apart', () => {
  const { ledger } = openLedger();
  ledger.note({ asker: 'steady load', outcome: '503 overloaded', sentAt: 1, answeredAt: 2, count: 4 });
  expect(ledger.faults().size).toBe(0);
  expect(ledger.shed()).toBe(4);
});

test('many different faults do not fill the memory', () => {
  const { ledger } = openLedger();
  for (let index = 0; index < 1000; index += 1) ledger.fault(`fault ${index}`);
  expect(ledger.faults().size).toBe(51);
  expect(ledger.faults().get('further ones')).toBe(950);
});
