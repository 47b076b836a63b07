import { randomBytes, sign } from 'node:crypto';
import { calculateJwkThumbprint, createLocalJWKSet, importJWK, type JWK, jwtVerify } from 'jose';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SIGNING_ALGORITHMS } from '../../src/keys/algorithm.ts';
import { type EncryptionKeys, encryptionKeyOf } from '../../src/keys/encryption-key.ts';
import { type Keyring, MINIMUM_ROTATION_MILLISECONDS, openKeyring } from '../../src/keys/keyring.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';

const DAY = 86_400_000;
const PURPOSE = 'assertion:ES256';
const encryptionKeys: EncryptionKeys = [encryptionKeyOf('test', randomBytes(32))];

let now = 1_800_000_000_000;
const opened: { close(): unknown }[] = [];

function openStore(): Stores {
  const store = openEmbeddedStore({ path: ':memory:', clock: () => now });
  opened.push(store);
  return store;
}

async function openOn(store: Stores, keys = encryptionKeys): Promise<Keyring> {
  const keyring = await openKeyring({
    store: store.keyring,
    changes: store.changes,
    encryptionKeys: keys,
    rotateEvery: 30 * DAY,
    clock: () => now,
    log: pino({ level: 'silent' }),
  });
  opened.unshift(keyring);
  return keyring;
}

afterEach(async () => {
  vi.useRealTimers();
  for (const each of opened.splice(0)) await each.close();
});

const kidsOf = (keyring: Keyring) => keyring.jwks().keys.map(({ kid }) => kid);

function tokenBy(keyring: Keyring): string {
  const { kid, key } = keyring.signer('ES256');
  const parts = [{ alg: 'ES256', kid }, { sub: 'someone' }].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  const signature = sign('sha256', Buffer.from(parts.join('.')), { key, dsaEncoding: 'ieee-p1363' });
  return [...parts, signature.toString('base64url')].join('.');
}

describe('the keyring', () => {
  it('seals anew what a replica with the older encryption key made, and tells which keys are needed meanwhile', async () => {
    const store = openStore();
    const fresh = encryptionKeyOf('fresh', randomBytes(32));
    const [old] = encryptionKeys;
    const upgraded = await openOn(store, [fresh, old]);
    const behind = await openOn(store, [old, fresh]);
    await behind.prepare(['ES256']);
    expect(await upgraded.encryptionKeyUses()).toEqual([
      { id: fresh.id, state: 'sealing', sealed: 0 },
      { id: old.id, state: 'opening', sealed: 2 },
    ]);
    expect(await upgraded.reseal()).toBe(1);
    expect(await upgraded.reseal()).toBe(0);
    expect(await upgraded.encryptionKeyUses()).toEqual([
      { id: fresh.id, state: 'sealing', sealed: 2 },
      { id: old.id, state: 'opening', sealed: 0 },
    ]);
    expect(await behind.reseal()).toBe(1);
    const alone = await openOn(store, [old]);
    expect(tokenBy(alone)).toBeTypeOf('string');
    await upgraded.reseal();
    expect(await alone.encryptionKeyUses()).toEqual([
      { id: old.id, state: 'sealing', sealed: 0 },
      { id: fresh.id, state: 'missing', sealed: 2 },
    ]);
  });

  it('tells why a ring from elsewhere could not be used, and has nothing against one of another purpose', async () => {
    const [one, other] = [openStore(), openStore()];
    const keyring = await openOn(one);
    await keyring.prepare(['ES256']);
    const [ring] = await one.keyring.list();
    if (ring === undefined) throw new Error('no ring was made');
    expect(keyring.problemWith(ring)).toBeUndefined();
    const stranger = await openOn(other, [encryptionKeyOf('stranger', randomBytes(32))]);
    expect(stranger.problemWith(ring)).toContain(
      `the encryption key ${encryptionKeys[0].id}, which is not there`,
    );
    expect(stranger.problemWith({ ...ring, purpose: 'something:else' })).toBeUndefined();
  });

  it('makes a ring per algorithm on first need and publishes current and next', async () => {
    const store = openStore();
    const keyring = await openOn(store);
    expect(keyring.jwks()).toEqual({ keys: [] });
    expect(() => keyring.signer('ES256')).toThrow('there are no signing keys for assertion:ES256');
    await keyring.prepare(SIGNING_ALGORITHMS);
    expect(keyring.jwks().keys).toHaveLength(6);
    for (const algorithm of SIGNING_ALGORITHMS)
      expect(kidsOf(keyring)).toContain(keyring.signer(algorithm).kid);
    await keyring.prepare(SIGNING_ALGORITHMS);
    expect((await store.keyring.list()).map(({ revision }) => revision)).toEqual([1, 1, 1]);
  });

  it('O26: publishes public members only, with use, alg and an RFC 7638 thumbprint as kid', async () => {
    const keyring = await openOn(openStore());
    await keyring.prepare(SIGNING_ALGORITHMS);
    const members = { ES256: ['crv', 'kty', 'x', 'y'], EdDSA: ['crv', 'kty', 'x'], RS256: ['e', 'kty', 'n'] };
    for (const jwk of keyring.jwks().keys) {
      const algorithm = SIGNING_ALGORITHMS.find((each) => each === jwk['alg']);
      if (algorithm === undefined) throw new Error('a key of no algorithm');
      expect(Object.keys(jwk).sort()).toEqual([...members[algorithm], 'use', 'alg', 'kid'].sort());
      expect(jwk['use']).toBe('sig');
      expect(jwk['kid']).toBe(await calculateJwkThumbprint(jwk as unknown as JWK));
      await importJWK(jwk as unknown as JWK, algorithm);
    }
    expect(keyring.signer('RS256').key.asymmetricKeyDetails?.modulusLength).toBe(3072);
  });

  it('a token signed before a rotation verifies after it, and what signs then was published before', async () => {
    const keyring = await openOn(openStore());
    await keyring.prepare(['ES256']);
    const token = tokenBy(keyring);
    const first = keyring.signer('ES256').kid;
    const publishedBefore = kidsOf(keyring);
    now += MINIMUM_ROTATION_MILLISECONDS;
    expect(await keyring.rotate(PURPOSE)).toEqual({ kind: 'rotated' });

    expect(keyring.signer('ES256').kid).not.toBe(first);
    expect(publishedBefore).toContain(keyring.signer('ES256').kid);
    expect(keyring.jwks().keys).toHaveLength(3);
    const jwks = createLocalJWKSet({ keys: keyring.jwks().keys as unknown as JWK[] });
    expect((await jwtVerify(token, jwks)).protectedHeader.kid).toBe(first);
    expect((await jwtVerify(tokenBy(keyring), jwks)).payload.sub).toBe('someone');

    now += MINIMUM_ROTATION_MILLISECONDS;
    await keyring.rotate(PURPOSE);
    expect(kidsOf(keyring)).not.toContain(first);
  });

  it('never rotates so soon that a verifier with a cached key set would meet an unknown key', async () => {
    const keyring = await openOn(openStore());
    await keyring.prepare(['ES256']);
    const before = keyring.jwks();
    now += MINIMUM_ROTATION_MILLISECONDS - 1;
    expect(await keyring.rotate(PURPOSE)).toEqual({ kind: 'tooSoon', notBefore: now + 1 });
    expect(keyring.jwks()).toEqual(before);
    expect(await keyring.rotate('assertion:RS256')).toEqual({ kind: 'absent' });
    const store = openStore();
    const options = { store: store.keyring, changes: store.changes, encryptionKeys, clock: () => now };
    await expect(
      openKeyring({ ...options, rotateEvery: 1000, log: pino({ level: 'silent' }) }),
    ).rejects.toThrow('assertionKeys.rotateEvery: found 1000 ms, expected at least 600000 ms');
  });

  it('rotates by itself when the time has come, at the start and while it runs', async () => {
    const store = openStore();
    const first = await openOn(store);
    await first.prepare(['ES256']);
    const [, next] = kidsOf(first);
    first.close();
    now += 30 * DAY;
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const second = await openOn(store);
    expect(second.signer('ES256').kid).toBe(next);
    const [, nextButOne] = kidsOf(second);
    vi.advanceTimersByTime(60_000);
    await vi.waitFor(async () => expect((await store.keyring.find(PURPOSE))?.revision).toBe(2));
    now += 30 * DAY;
    vi.advanceTimersByTime(60_000);
    await vi.waitFor(() => expect(second.signer('ES256').kid).toBe(nextButOne));
  });

  it('converges when two replicas make and rotate the same ring at once', async () => {
    const store = openStore();
    const replicas = await Promise.all([openOn(store), openOn(store)]);
    await Promise.all(replicas.map((keyring) => keyring.prepare(['ES256'])));
    expect(replicas[0].jwks()).toEqual(replicas[1].jwks());
    const [, next] = kidsOf(replicas[0]);

    now += MINIMUM_ROTATION_MILLISECONDS;
    await Promise.all(replicas.map((keyring) => keyring.rotate(PURPOSE)));
    expect(replicas[0].jwks()).toEqual(replicas[1].jwks());
    for (const keyring of replicas) expect(keyring.signer('ES256').kid).toBe(next);
    expect((await store.keyring.find(PURPOSE))?.revision).toBe(2);
  });

  it('follows the rotation of another replica', async () => {
    const store = openStore();
    const [one, other] = [await openOn(store), await openOn(store)];
    await one.prepare(['ES256']);
    await vi.waitFor(() => expect(other.signer('ES256').kid).toBe(one.signer('ES256').kid));
    now += MINIMUM_ROTATION_MILLISECONDS;
    await one.rotate(PURPOSE);
    await vi.waitFor(() => expect(other.jwks()).toEqual(one.jwks()));
  });

  it('goes on signing while the store is away, and says so', async () => {
    const store = openStore();
    const lines: string[] = [];
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const keyring = await openKeyring({
      store: store.keyring,
      changes: store.changes,
      encryptionKeys,
      rotateEvery: 30 * DAY,
      clock: () => now,
      log: pino({ level: 'info' }, { write: (line: string) => lines.push(line) }),
    });
    opened.unshift(keyring);
    await keyring.prepare(['ES256']);
    const { kid } = keyring.signer('ES256');
    await store.close();
    vi.advanceTimersByTime(60_000);
    await vi.waitFor(() => expect(lines.join('')).toContain('signing keys not refreshed'));
    expect(keyring.signer('ES256').kid).toBe(kid);
    expect(keyring.jwks().keys).toHaveLength(2);
    await expect(keyring.prepare(['EdDSA'])).rejects.toThrow('The embedded store is closed.');
  });

  it('keeps no private member in the store but sealed', async () => {
    const store = openStore();
    const keyring = await openOn(store);
    await keyring.prepare(SIGNING_ALGORITHMS);
    const records = JSON.stringify(await store.keyring.list());
    for (const algorithm of SIGNING_ALGORITHMS) {
      const { d, p } = keyring.signer(algorithm).key.export({ format: 'jwk' });
      expect(records).not.toContain(d);
      if (p !== undefined) expect(records).not.toContain(p);
    }
    expect(records).not.toMatch(/"(?:d|p|q|dp|dq|qi|k)":/);
  });

  it('refuses to start with the wrong encryption key, and says which one is missing', async () => {
    const store = openStore();
    await (await openOn(store)).prepare(['ES256']);
    const wrong: EncryptionKeys = [encryptionKeyOf('wrong', randomBytes(32))];
    await expect(openOn(store, wrong)).rejects.toThrow(
      new RegExp(
        `^The signing key [\\w-]{43} of assertion:ES256 was sealed with the encryption key ${encryptionKeys[0].id}, which is not there \\(known: ${wrong[0].id}\\)`,
      ),
    );
  });

  it('seals anew with the first encryption key, so that an older one can be taken away', async () => {
    const store = openStore();
    const before = await openOn(store);
    await before.prepare(['ES256']);
    const newer = encryptionKeyOf('newer', randomBytes(32));
    await openOn(store, [newer, ...encryptionKeys]);
    const after = await openOn(store, [newer]);
    expect(after.jwks()).toEqual(before.jwks());
    expect(after.signer('ES256').kid).toBe(before.signer('ES256').kid);
  });

  it('publishes no key that was put into the store without the encryption key', async () => {
    const store = openStore();
    const keyring = await openOn(store);
    await keyring.prepare(['ES256']);
    const stored = await store.keyring.find(PURPOSE);
    if (stored === undefined) throw new Error('no ring');
    const { publicJwk } = stored.next;
    const forged = {
      ...stored,
      previous: { ...stored.next, kid: 'forged', publicJwk: { ...publicJwk, kid: 'forged' } },
    };
    await store.keyring.save(forged, stored.revision);
    expect(await keyring.rotate(PURPOSE)).toMatchObject({ kind: 'tooSoon' });
    expect(kidsOf(keyring)).not.toContain('forged');
    await expect(openOn(store)).rejects.toThrow('The signing key forged of assertion:ES256 cannot be opened');
  });
});
