import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { ApiKeyId } from '../../src/api-keys/api-key.ts';
import { createUseRecorder } from '../../src/authentication/use-recorder.ts';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { apiKeyId, issueKey } from '../support/api-keys.ts';
import { eventually, openAuthentication } from '../support/authentication.ts';

const log = pino({ level: 'silent' });

describe('last uses', () => {
  it('are written in one batch however often keys were used, and on close', async () => {
    const batches: ReadonlyMap<ApiKeyId, number>[] = [];
    const recordUses = (uses: ReadonlyMap<ApiKeyId, number>): Promise<void> => {
      batches.push(uses);
      return Promise.resolve();
    };
    const recorder = createUseRecorder({ recordUses }, 3_600_000, log);
    for (let use = 0; use < 1000; use += 1) recorder.record(apiKeyId('A'), use);
    recorder.record(apiKeyId('A'), 5);
    recorder.record(apiKeyId('B'), 7);
    expect(batches).toEqual([]);
    await recorder.close();
    expect(batches).toEqual([
      new Map([
        ['A', 999],
        ['B', 7],
      ]),
    ]);
  });

  it('are kept for the next batch when the store cannot be reached', async () => {
    let isDown = true;
    let failures = 0;
    const written: ReadonlyMap<ApiKeyId, number>[] = [];
    const recordUses = (uses: ReadonlyMap<ApiKeyId, number>): Promise<void> => {
      if (isDown) {
        failures += 1;
        return Promise.reject(new StoreUnavailable('gone'));
      }
      written.push(uses);
      return Promise.resolve();
    };
    const recorder = createUseRecorder({ recordUses }, 1, log);
    recorder.record(apiKeyId('A'), 1);
    await eventually(() => failures > 1, 'two failed batches');
    recorder.record(apiKeyId('B'), 2);
    isDown = false;
    await eventually(() => written.length > 0, 'a written batch');
    await recorder.close();
    expect(Object.assign({}, ...written.map((uses) => Object.fromEntries(uses)))).toEqual({ A: 1, B: 2 });
  });

  it('reach the store for keys that were used, first and later times alike', async () => {
    const gate = openAuthentication();
    const { id, key } = await issueKey(gate.stores.apiKeys);
    await gate.apiKey(key);
    gate.time.now += 5000;
    await gate.apiKey(key);
    await gate.authentication.close();
    expect((await gate.stores.apiKeys.findById(id))?.lastUsedAt).toBe(gate.time.now);
    await gate.stores.close();
  });
});
