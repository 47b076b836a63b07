import pino from 'pino';
import { systemClock } from '../../src/base/clock.ts';
import { Secret } from '../../src/base/secret.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { openRedisStore } from '../../src/stores/redis/redis-store.ts';
import type { Stores } from '../../src/stores/stores.ts';

/** Opens the store at a place that fits on a command line: `redis://…`, or a file of the embedded one. */
export async function openPlace(place: string): Promise<Stores> {
  if (!place.startsWith('redis:')) return openEmbeddedStore({ path: place, clock: systemClock });
  return openRedisStore({
    settings: {
      server: { kind: 'standalone', url: new Secret(place) },
      keyPrefix: 'crash:',
      commandTimeout: 10_000,
    },
    clock: systemClock,
    log: pino({ level: 'silent' }),
  });
}
