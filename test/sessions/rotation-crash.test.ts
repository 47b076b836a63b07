import { spawn } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { encryptionKeyOf } from '../../src/keys/encryption-key.ts';
import type { NewSession } from '../../src/sessions/session-service.ts';
import { createSessionService } from '../../src/sessions/sessions.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { NOW } from '../contract/fixtures.ts';
import { type RunningRedis, redisMissing, startRedis } from '../support/redis.ts';
import type { CrashPoint } from './crashing-client.ts';
import { LIVES, readAnswer, reveal, traded } from './rotation-options.ts';
import { aLogin, aTokenLogin } from './scene.ts';
import { openPlace } from './store-place.ts';

const CLIENT = path.join(import.meta.dirname, 'crashing-client.ts');
const ENCRYPTION_KEYS = [encryptionKeyOf('test', randomBytes(32))] as const;

const FRONTS: readonly (readonly ['refresh' | 'rememberMe', NewSession])[] = [
  ['refresh', aTokenLogin()],
  ['rememberMe', aLogin()],
];

/** Runs with the store open, which it is for one process at a time. */
async function using<T>(place: string, act: (stores: Stores) => Promise<T>): Promise<T> {
  const stores = await openPlace(place);
  try {
    return await act(stores);
  } finally {
    await stores.close();
  }
}

function serviceOf({ sessions }: Stores) {
  const log = pino({ level: 'silent' });
  return createSessionService({ sessions, encryptionKeys: ENCRYPTION_KEYS, clock: () => NOW, log });
}

/** Another gateway trades the credential, and is killed with SIGKILL at this point. */
async function tradeAndDie(place: string, kind: string, point: CrashPoint, token: string): Promise<void> {
  const child = spawn(process.execPath, [CLIENT, place, kind, point, String(NOW)], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.end(token);
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  expect(signal).toBe('SIGKILL');
}

/** What the same client gets when it tries again, with everything that must hold in any case. */
async function retry(
  place: string,
  kind: 'refresh' | 'rememberMe',
  token: string,
): Promise<'repeated' | 'rotated'> {
  return using(place, async (stores) => {
    const service = serviceOf(stores);
    const retried = await service.rotate(new Secret(token), LIVES, traded(kind), NOW + 5000);
    if (!retried.ok) throw new Error(`the family is lost: ${retried.error.kind}`);
    const { rotating, cookie } = readAnswer(retried.value.answer);
    const { id, subject } = retried.value.session;

    const all = await service.list({ subject, limit: 9 });
    expect(all.map((session) => session.id)).toEqual([id]);
    expect(all[0]?.rotation?.currentDigest).toBe(hash('sha256', rotating));
    expect(all[0]?.revision).toBe(2);
    if (cookie !== undefined) expect((await service.open(new Secret(cookie), NOW + 5000)).ok).toBe(true);

    // The token of the answer is the only one that goes on; the one before it ends the session.
    expect((await service.rotate(new Secret(rotating), LIVES, traded(kind), NOW + 6000)).ok).toBe(true);
    const old = await service.rotate(new Secret(token), LIVES, traded(kind), NOW + 6000);
    expect(old).toMatchObject({ error: { kind: 'reused' } });
    expect(await service.list({ subject, limit: 9 })).toEqual([]);
    return retried.value.isRepeated ? 'repeated' : 'rotated';
  });
}

async function crashAndRetry(
  place: string,
  [kind, login]: (typeof FRONTS)[number],
  point: CrashPoint,
): Promise<'repeated' | 'rotated'> {
  const begun = await using(place, (stores) => serviceOf(stores).begin(login));
  const token = reveal(begun.rotating);
  await tradeAndDie(place, kind, point, token);
  return retry(place, kind, token);
}

function crashSuite(place: () => string): void {
  describe.each(FRONTS)('of the kind %s', (...front) => {
    it('O08 killed while its answer is made: the token still works', { timeout: 60_000 }, async () => {
      expect(await crashAndRetry(place(), front, 'answer')).toBe('rotated');
    });

    it('O08 killed right after it is stored: the answer is fetched with the old token', {
      timeout: 60_000,
    }, async () => {
      expect(await crashAndRetry(place(), front, 'stored')).toBe('repeated');
    });
  });

  it('O08 killed at any moment between: one or the other, each time', { timeout: 120_000 }, async () => {
    for (let round = 0; round < 10; round += 1) {
      await crashAndRetry(place(), ['refresh', aTokenLogin()], 'storing');
    }
  });
}

describe('a rotation', () => {
  describe('on the embedded store', () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-crash-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    crashSuite(() => path.join(folder, 'gatehouse.db'));
  });

  describe.skipIf(redisMissing)(`on Redis ${redisMissing ?? ''}`, () => {
    let redis: RunningRedis;
    beforeAll(async () => {
      redis = await startRedis();
    });
    afterAll(() => redis.stop());
    crashSuite(() => redis.url);
  });
});
