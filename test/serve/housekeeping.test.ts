import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { startHousekeeping } from '../../src/serve/housekeeping.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import {
  anAccessToken,
  aSession,
  aTenantRevocation,
  MINUTE,
  NOW,
  sessionId,
  tenantId,
} from '../contract/fixtures.ts';
import { startTestGateway } from '../support/gateway.ts';
import { until } from '../support/redis.ts';

const OLD = { issuedAt: NOW - 3 * MINUTE, authenticatedAt: NOW - 3 * MINUTE, end: NOW - 2 * MINUTE };
const target = aTenantRevocation('acme').target;

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** One that has ended and one that lives, of each. */
async function fill({ sessions, tokens, revocations }: Stores): Promise<void> {
  await sessions.create(
    aSession('OLD', { authenticatedAt: OLD.authenticatedAt, expiresAt: OLD.end, absoluteEnd: OLD.end }),
    undefined,
  );
  await sessions.create(aSession('LIVE'), undefined);
  await tokens.put(digestOf('old'), anAccessToken('old', { issuedAt: OLD.issuedAt, expiresAt: OLD.end }));
  await tokens.put(digestOf('live'), anAccessToken('live'));
  await revocations.add(aTenantRevocation('acme', { expiresAt: OLD.end }));
  await revocations.add(aTenantRevocation('globex', { expiresAt: NOW + 60 * MINUTE }));
}

/** What there is, the expired too. */
async function leftIn({ sessions, tokens, revocations }: Stores) {
  const found = await Promise.all(['old', 'live'].map((text) => tokens.find(digestOf(text))));
  return {
    sessions: (await sessions.list({ limit: 9 })).map(({ id }) => id),
    tokens: found.flatMap((token) => token?.id ?? []),
    revoked: (await revocations.list(OLD.end - 1)).map((revocation) => revocation.target),
  };
}

const LIVE = {
  sessions: [sessionId('LIVE')],
  tokens: ['live'],
  revoked: [{ kind: 'tenant', tenant: tenantId('globex') }],
};

describe('housekeeping', () => {
  let stores: Stores;
  let lines: string[];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  beforeEach(async () => {
    lines = [];
    stores = openEmbeddedStore({ path: ':memory:', clock: systemClock });
    await fill(stores);
  });
  afterEach(() => stores.close());

  it('takes what has ended out of the store, and nothing that lives', async () => {
    expect((await leftIn(stores)).revoked).toContainEqual(target);
    const housekeeping = startHousekeeping({ stores, clock: systemClock, log, everyMilliseconds: 1 });
    await until('it is tidy', async () => (await leftIn(stores)).revoked.length === 1);
    await housekeeping.end();
    expect(await leftIn(stores)).toEqual(LIVE);
  });

  it('goes by the given clock, again and again', async () => {
    let now = OLD.end - 1;
    let looked = 0;
    const clock = () => {
      looked += 1;
      return now;
    };
    const housekeeping = startHousekeeping({ stores, clock, log, everyMilliseconds: 1 });
    await until('it has looked at all, and again', () => looked > 3);
    expect(await leftIn(stores)).toMatchObject({
      sessions: [sessionId('OLD'), sessionId('LIVE')],
      tokens: ['old', 'live'],
      revoked: [target, { tenant: 'globex' }],
    });
    now = NOW;
    await until('it is tidy', async () => (await leftIn(stores)).revoked.length === 1);
    await housekeeping.end();
    expect(await leftIn(stores)).toEqual(LIVE);
  });

  it('logs what fails, does not stop for it, and tries again', async () => {
    await stores.close();
    const housekeeping = startHousekeeping({ stores, clock: systemClock, log, everyMilliseconds: 1 });
    await until('it has failed twice', () => lines.length >= 6);
    await housekeeping.end();
    const failed = lines.map((line) => JSON.parse(line) as { level: number; what: string });
    expect(failed.slice(0, 4).map(({ what }) => what)).toEqual([
      'sessions',
      'tokens',
      'revocations',
      'sessions',
    ]);
    expect(failed.every(({ level }) => level === 40)).toBe(true);
  });

  it('is over when it has ended, which waits for what is under way', async () => {
    const asked: string[] = [];
    const slow = Promise.withResolvers<number>();
    const sessions = {
      ...stores.sessions,
      prune(now: number) {
        asked.push('sessions');
        return slow.promise.then(() => stores.sessions.prune(now));
      },
    };
    const watched = { ...stores, sessions };
    const housekeeping = startHousekeeping({
      stores: watched,
      clock: systemClock,
      log,
      everyMilliseconds: 1,
    });
    await until('it is at work', () => asked.length === 1);
    const ended = housekeeping.end();
    const first = await Promise.race([
      ended.then(() => 'over'),
      new Promise((resolve) => setImmediate(resolve, 'at work')),
    ]);
    expect(first).toBe('at work');
    slow.resolve(0);
    await ended;
    expect(await leftIn(stores)).toMatchObject({ sessions: LIVE.sessions, tokens: ['old', 'live'] });
  });
});

it('a gateway keeps its store tidy while it serves', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-housekeeping-'));
  const file = path.join(folder, 'gatehouse.db');
  const before = openEmbeddedStore({ path: file, clock: systemClock });
  await fill(before);
  await before.close();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
  try {
    const gateway = await startTestGateway({
      store: { embedded: { path: file } },
      upstreams: { api: { targets: ['http://127.0.0.1:1'] } },
      routes: [{ id: 'all', match: { path: '/**' }, public: true, upstream: 'api' }],
    });
    // A minute, and half of one more at most.
    await vi.advanceTimersByTimeAsync(1.5 * MINUTE);
    vi.useRealTimers();
    await until('it is tidy', () => gateway.log().includes('"what":"revocations"'));
    await gateway.stop();
    const after = openEmbeddedStore({ path: file, clock: systemClock });
    expect(await leftIn(after)).toEqual(LIVE);
    await after.close();
  } finally {
    vi.useRealTimers();
    rmSync(folder, { recursive: true });
  }
});
