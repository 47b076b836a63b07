import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AuditRecord } from '../../src/audit/audit-record.ts';
import type { AuditStore } from '../../src/audit/audit-store.ts';
import { type AuditStream, createAuditStream } from '../../src/audit/audit-stream.ts';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { createLog } from '../../src/telemetry/log.ts';
import type { Metrics } from '../../src/telemetry/metrics.ts';
import { createMetrics } from '../../src/telemetry/prometheus.ts';

let stores: Stores;
let metrics: Metrics;
let stream: AuditStream | undefined;
beforeEach(() => {
  stores = openEmbeddedStore({ path: ':memory:', clock: Date.now });
  metrics = createMetrics();
});
afterEach(async () => {
  await stream?.close();
  await stores.close();
});

function start(
  store: AuditStore,
  limits: { readonly keep?: number; readonly capacity?: number } = {},
): AuditStream {
  const { log } = createLog({ level: 'silent' });
  stream = createAuditStream({ store, log, metrics, clock: Date.now, ...limits });
  return stream;
}

function aRecord(number: number): AuditRecord {
  return {
    at: 1,
    decisionId: `d${number}`,
    event: 'request',
    decision: 'admitted',
    code: 'admitted',
    path: `/${number}`,
  };
}

/** The store, which is down until `recover` is called. */
function unreliable(): {
  readonly store: AuditStore;
  readonly recover: () => void;
  readonly attempts: () => number;
} {
  let isDown = true;
  let attempts = 0;
  return {
    store: {
      ...stores.audit,
      append(records) {
        attempts += 1;
        return isDown ? Promise.reject(new StoreUnavailable('down')) : stores.audit.append(records);
      },
    },
    recover() {
      isDown = false;
    },
    attempts: () => attempts,
  };
}

async function stored(): Promise<readonly string[]> {
  return (await stores.audit.read({ limit: 100_000 })).map(({ decisionId }) => decisionId);
}

async function metric(name: string): Promise<number> {
  const line = (await metrics.expose()).body.split('\n').find((text) => text.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

test('records are written soon, in their order', async () => {
  const { record } = start(stores.audit);
  for (let number = 0; number < 1234; number += 1) record(aRecord(number));
  const expected = Array.from({ length: 1234 }, (_, number) => `d${number}`);
  await vi.waitFor(async () => expect(await stored()).toEqual(expected));
});

test('what is queued is written when the stream closes', async () => {
  const { record, close, queued } = start(stores.audit);
  record(aRecord(1));
  record(aRecord(2));
  expect(queued()).toBe(2);
  await close();
  expect(await stored()).toEqual(['d1', 'd2']);
});

test('an outage of the store loses nothing that fits, and neither order nor callers suffer', async () => {
  const { store, recover, attempts } = unreliable();
  const { record } = start(store);
  record(aRecord(1));
  record(aRecord(2));
  await vi.waitFor(() => expect(attempts()).toBeGreaterThan(0));
  record(aRecord(3));
  recover();
  await vi.waitFor(async () => expect(await stored()).toEqual(['d1', 'd2', 'd3']), 5000);
  expect(await metric('gatehouse_audit_dropped_total')).toBe(0);
});

test('records that come while a write fails stay behind those of that write', async () => {
  let isFirst = true;
  const { record } = start({
    ...stores.audit,
    append(records) {
      if (!isFirst) return stores.audit.append(records);
      isFirst = false;
      record(aRecord(3));
      return Promise.reject(new StoreUnavailable('down'));
    },
  });
  record(aRecord(1));
  record(aRecord(2));
  await vi.waitFor(async () => expect(await stored()).toEqual(['d1', 'd2', 'd3']), 5000);
});

test('while the store is down for long the oldest records give way, and their number is counted', async () => {
  const { store, recover, attempts } = unreliable();
  const { record, queued, close } = start(store, { capacity: 100 });
  for (let number = 0; number < 150; number += 1) record(aRecord(number));
  await vi.waitFor(() => expect(attempts()).toBeGreaterThan(0));
  for (let number = 150; number < 1000; number += 1) record(aRecord(number));
  expect(queued()).toBe(100);
  expect(await metric('gatehouse_audit_queue_records')).toBe(100);
  recover();
  await close();
  expect(await stored()).toEqual(Array.from({ length: 100 }, (_, number) => `d${number + 900}`));
  expect(await metric('gatehouse_audit_dropped_total')).toBe(900);
});

test('what cannot be written at the end is counted as dropped, and closing ends', async () => {
  const { store } = unreliable();
  const { record, close } = start(store);
  record(aRecord(1));
  await close();
  record(aRecord(2));
  expect(await metric('gatehouse_audit_dropped_total')).toBe(2);
});

test('a batch that can never be written does not hold up those that come after it', async () => {
  const { record } = start({
    ...stores.audit,
    append: async (records) => {
      if (records.some(({ decisionId }) => decisionId === 'd1')) throw new TypeError('a defect');
      await stores.audit.append(records);
    },
  });
  record(aRecord(1));
  await vi.waitFor(async () => expect(await metric('gatehouse_audit_dropped_total')).toBe(1));
  record(aRecord(2));
  await vi.waitFor(async () => expect(await stored()).toEqual(['d2']));
});

test('a record that is awaited is durable, or its caller knows', async () => {
  const { recordNow } = start(stores.audit);
  await recordNow(aRecord(1));
  expect(await stored()).toEqual(['d1']);
  const { store } = unreliable();
  await expect(start(store).recordNow(aRecord(2))).rejects.toThrow(StoreUnavailable);
});

test('the store keeps a bounded number of records', async () => {
  const { record } = start(stores.audit, { keep: 1000 });
  for (let number = 0; number < 10_000; number += 1) record(aRecord(number));
  await vi.waitFor(async () => {
    const kept = await stored();
    expect(kept).toHaveLength(1000);
    expect(kept.at(-1)).toBe('d9999');
  });
});

test('a credential in a path, a reason or an id does not reach the store', async () => {
  const { record, recordNow } = start(stores.audit);
  const key = 'ghk_8K2M9QXT_abcdefghijklmnopqrstuvwxyz0123456789ab';
  const bad = { ...aRecord(1), path: `/keys/${key}`, reason: `no key ${key}`, credential: `key:${key}` };
  record(bad);
  await recordNow(bad);
  await vi.waitFor(async () => expect(await stored()).toHaveLength(2));
  expect(JSON.stringify(await stores.audit.read({ limit: 2 }))).not.toContain('8K2M9QXT_abc');
});
