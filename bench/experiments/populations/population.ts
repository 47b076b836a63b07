import type { GatewayOnRedis, GatewayOptions } from '../gateway-on-redis.ts';
import type { RedisServer } from '../redis-server.ts';

/** What a gateway has few or many of. */
export interface Population {
  readonly name: string;
  readonly about: string;
  /** As in “keys and revocations”. */
  readonly records: string;
  /** How many the small one has, and the large one unless it is told another number. */
  readonly least: number;
  readonly many: number;
  /** Loads `count` that can be presented, into Redis or the configuration, and says how. */
  known(
    redis: RedisServer,
    count: number,
    records: number,
  ): Promise<
    Pick<GatewayOptions, 'requests' | 'config' | 'accept'> &
      Partial<Pick<GatewayOptions, 'upstream' | 'files' | 'routes'>>
  >;
  /** Loads those into Redis that nobody presents. */
  load(redis: RedisServer, count: number): Promise<void>;
  /** What the two kinds of requests have to do with it. */
  readonly kinds: readonly [string, string];
  /** One request that is always the same, and `count` others in turn. */
  requests(gateway: GatewayOnRedis, records: number, count: number): readonly [string, readonly string[]];
  readonly change?: Change;
}

/** Something that an operator does while requests go on, and which may cost more the more there are. */
export interface Change {
  readonly about: string;
  readonly times: number;
  make(gateway: GatewayOnRedis, turn: number): Promise<void>;
  /** Until the last one has surely taken effect. */
  readonly settlesMs: number;
}
