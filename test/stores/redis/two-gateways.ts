import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { RedisStores } from '../../../src/stores/redis/redis-store.ts';
import { type RunningRedis, redisSettings, startRedis } from '../../support/redis.ts';
import { useOpenStores } from './opened-stores.ts';

export interface TwoGateways {
  readonly redis: RunningRedis;
  readonly one: RedisStores;
  readonly other: RedisStores;
}

/** The stores of two gateways on one Redis, opened for each test of a suite and emptied after it. */
export function useTwoGateways(): TwoGateways {
  let redis: RunningRedis | undefined;
  let stores: readonly RedisStores[] = [];
  const open = useOpenStores();
  const running = () => redis ?? missing();
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());
  beforeEach(async () => {
    const settings = redisSettings(running());
    stores = [await open(settings), await open(settings)];
  });
  afterEach(async () => {
    await running().admin.flushall();
  });
  return {
    get redis() {
      return running();
    },
    get one() {
      return stores[0] ?? missing();
    },
    get other() {
      return stores[1] ?? missing();
    },
  };
}

function missing(): never {
  throw new Error('asked for outside of a test');
}
