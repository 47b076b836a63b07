import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { encryptionKeyOf } from '../../src/keys/encryption-key.ts';
import { JWKS_MAX_AGE_SECONDS, type Keyring, openKeyring } from '../../src/keys/keyring.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';

const HOUR = 3_600_000;
let now = 1_800_000_000_000;
const opened: { close(): unknown }[] = [];

async function openOn(rotateEvery: number): Promise<Keyring> {
  const store = openEmbeddedStore({ path: ':memory:', clock: () => now });
  const keyring = await openKeyring({
    store: store.keyring,
    changes: store.changes,
    encryptionKeys: [encryptionKeyOf('test', randomBytes(32))],
    rotateEvery,
    clock: () => now,
    log: pino({ level: 'silent' }),
  });
  opened.unshift(keyring, store);
  return keyring;
}

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

describe('the ring of access tokens', () => {
  it('O26: shares no key with assertions, and the published set has the public members of both', async () => {
    const keyring = await openOn(30 * 24 * HOUR);
    await keyring.prepare(['ES256']);
    expect(() => keyring.signer('ES256', 'access-token')).toThrow(
      'there are no signing keys for access-token:ES256',
    );
    await keyring.prepare(['ES256'], 'access-token');
    const assertions = keyring.verificationKeys('assertion').map(({ fingerprint }) => fingerprint);
    const tokens = keyring.verificationKeys('access-token').map(({ fingerprint }) => fingerprint);
    expect(new Set([...assertions, ...tokens]).size).toBe(4);
    const published = keyring.jwks().keys;
    expect(published.map(({ kid }) => kid)).toEqual(
      expect.arrayContaining([
        keyring.signer('ES256').kid,
        keyring.signer('ES256', 'access-token').kid,
        ...keyring.verificationKeys('access-token').map(({ kid }) => kid),
      ]),
    );
    for (const key of published)
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  it('O26: keeps a key published for the life of the longest token that it signed, whoever wants to rotate sooner', async () => {
    // What assertions could follow is too fast for tokens of an hour: the ring takes its own time.
    const keyring = await openOn(HOUR / 6);
    await keyring.prepare(['ES256'], 'access-token');
    const first = keyring.signer('ES256', 'access-token').kid;
    const least = HOUR + JWKS_MAX_AGE_SECONDS * 1000 + 240_000;
    now += least - 1;
    expect(await keyring.rotate('access-token:ES256')).toEqual({ kind: 'tooSoon', notBefore: now + 1 });
    now += 1;
    expect(await keyring.rotate('access-token:ES256')).toEqual({ kind: 'rotated' });
    const second = keyring.signer('ES256', 'access-token').kid;
    expect(second).not.toBe(first);
    expect(keyring.verificationKeys('access-token').map(({ kid }) => kid)).toEqual(
      expect.arrayContaining([first, second]),
    );
    now += least;
    await keyring.rotate('access-token:ES256');
    expect(keyring.verificationKeys('access-token').map(({ kid }) => kid)).not.toContain(first);
    expect(keyring.jwks().keys.map(({ kid }) => kid)).not.toContain(first);
  });
});
