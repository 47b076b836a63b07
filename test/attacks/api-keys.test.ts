import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateApiKey, sha256Digest } from '../../src/api-keys/api-key-format.ts';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { issueKey, storedKey, watchStore } from '../support/api-keys.ts';
import {
  type OpenAuthentication,
  openAuthentication,
  principalOf,
  refusalOf,
} from '../support/authentication.ts';
import { signToken } from '../support/issuer.ts';
import { openTokenBench } from '../support/token-bench.ts';

let gate: OpenAuthentication;
let watched: ReturnType<typeof watchStore>;

beforeEach(() => {
  gate = openAuthentication({
    wrap: (store) => {
      watched = watchStore(store);
      return watched.store;
    },
  });
});

afterEach(() => gate.close());

/** A key of our shape with a right check, made of the id of one key and the secret of another. */
function withIdOf(key: string): string {
  for (;;) {
    const candidate = generateApiKey().key;
    const forged = `ghk_${key.slice(4, 12)}${candidate.slice(12)}`;
    const fixed = fixCheck(forged);
    if (fixed !== key) return fixed;
  }
}

/** The check is CRC-32 in base62 of all before it: public, so an attacker computes it as well. */
function fixCheck(key: string): string {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  const body = key.slice(0, -6);
  let rest = 0xffffffff;
  for (const byte of Buffer.from(body)) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit += 1) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  let value = (rest ^ 0xffffffff) >>> 0;
  let check = '';
  for (let digit = 0; digit < 6; digit += 1) {
    check = digits.charAt(value % 62) + check;
    value = Math.floor(value / 62);
  }
  return body + check;
}

describe('attacks on API keys', () => {
  it('S01 look-up: a wrong secret takes the path of an unknown id, wherever it differs, and says no more', async () => {
    const { key } = await issueKey(gate.stores.apiKeys);
    const first = fixCheck(`${key.slice(0, 13)}${key[13] === 'A' ? 'B' : 'A'}${key.slice(14)}`);
    const last = fixCheck(`${key.slice(0, -7)}${key.at(-7) === 'A' ? 'B' : 'A'}${key.slice(-6)}`);
    const paths: string[][] = [];
    for (const guess of [first, last, withIdOf(key), generateApiKey().key]) {
      watched.asked.length = 0;
      const refusal = refusalOf(await gate.apiKey(guess));
      expect(refusal.code).toBe('credential_invalid');
      expect(refusal.reason).toContain('is unknown, or its secret is wrong');
      paths.push([...watched.asked]);
    }
    expect(paths).toEqual([['findById'], ['findById'], ['findById'], ['findById']]);
    expect((await gate.apiKey(key)).ok).toBe(true);
  });

  it('S01 typo: a key whose check is wrong costs no look-up', async () => {
    const { key } = await issueKey(gate.stores.apiKeys);
    for (const typo of [
      `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`,
      key.slice(0, -1),
      `${key}A`,
      'ghk_',
      key.toLowerCase(),
    ]) {
      expect(refusalOf(await gate.apiKey(typo)).code).toBe('credential_invalid');
    }
    expect(watched.asked).toEqual([]);
  });

  it('S01 digests: neither the digest of a key nor a prefix of the key is a key', async () => {
    const { key } = await issueKey(gate.stores.apiKeys);
    for (const guess of [
      sha256Digest(key).hex,
      `sha256:${sha256Digest(key).hex}`,
      key.slice(0, 20),
      '',
      ' ',
      'x'.repeat(10_000),
    ]) {
      expect(refusalOf(await gate.apiKey(guess)).code).toBe('credential_invalid');
    }
  });

  it('S01 nothing is disclosed: whether a key is revoked or expired is told only to who has its secret', async () => {
    const revoked = await issueKey(gate.stores.apiKeys);
    await gate.stores.apiKeys.revoke(revoked.id, gate.time.now);
    const expired = await issueKey(gate.stores.apiKeys, { expiresAt: gate.time.now });
    expect(refusalOf(await gate.apiKey(revoked.key)).code).toBe('credential_revoked');
    expect(refusalOf(await gate.apiKey(expired.key)).code).toBe('credential_expired');
    expect(refusalOf(await gate.apiKey(withIdOf(revoked.key))).code).toBe('credential_invalid');
    expect(refusalOf(await gate.apiKey(withIdOf(expired.key))).code).toBe('credential_invalid');
  });

  it('S04 revoked: a remembered key is refused by the request after its revocation', async () => {
    const { id, key } = await issueKey(gate.stores.apiKeys);
    const other = await issueKey(gate.stores.apiKeys);
    const remembered = principalOf(await gate.apiKey(other.key));
    expect((await gate.apiKey(key)).ok).toBe(true);
    await gate.stores.apiKeys.revoke(id, gate.time.now);
    expect(refusalOf(await gate.apiKey(key)).code).toBe('credential_revoked');
    expect(principalOf(await gate.apiKey(other.key))).toBe(remembered);
  });

  it('S04 expired: a remembered key is refused from its expiry on, to the millisecond', async () => {
    const { key } = await issueKey(gate.stores.apiKeys, { expiresAt: gate.time.now + 1000 });
    expect((await gate.apiKey(key)).ok).toBe(true);
    gate.time.now += 999;
    expect((await gate.apiKey(key)).ok).toBe(true);
    gate.time.now += 1;
    expect(refusalOf(await gate.apiKey(key)).code).toBe('credential_expired');
  });

  it('S04 rotated: the old key lives until the overlap ends, the new one at once', async () => {
    const { id, key } = await issueKey(gate.stores.apiKeys);
    expect((await gate.apiKey(key)).ok).toBe(true);
    const next = generateApiKey();
    await gate.stores.apiKeys.rotate(id, storedKey(next.id, sha256Digest(next.key)), gate.time.now + 1000);
    expect((await gate.apiKey(key)).ok).toBe(true);
    expect((await gate.apiKey(next.key)).ok).toBe(true);
    gate.time.now += 1000;
    expect(refusalOf(await gate.apiKey(key)).code).toBe('credential_expired');
    expect((await gate.apiKey(next.key)).ok).toBe(true);
  });

  it('S04 race: a look-up that a revocation overtook does not bring the key back', async () => {
    const { id, key } = await issueKey(gate.stores.apiKeys);
    const answered = Promise.withResolvers<void>();
    watched.beforeAnswer = () => answered.promise;
    const early = gate.apiKey(key);
    // Time for the look-up to have read the key as it was.
    await new Promise((resolve) => setImmediate(resolve));
    await gate.stores.apiKeys.revoke(id, gate.time.now);
    watched.beforeAnswer = () => Promise.resolve();
    const late = gate.apiKey(key);
    answered.resolve();
    expect(refusalOf(await late).code).toBe('credential_revoked');
    expect(refusalOf(await early).code).toBe('credential_revoked');
    expect(refusalOf(await gate.apiKey(key)).code).toBe('credential_revoked');
  });
});

describe('attacks on remembered credentials', () => {
  it('R01 one value, two kinds: what is remembered of an API key says nothing about a bearer token', async () => {
    const { key } = await issueKey(gate.stores.apiKeys);
    expect((await gate.apiKey(key)).ok).toBe(true);
    expect(refusalOf(await gate.bearer(key)).code).toBe('credential_invalid');
    expect((await gate.apiKey(key)).ok).toBe(true);
  });

  it('R01 another configuration: nothing that was remembered under the old rules is believed under the new', async () => {
    const bench = await openTokenBench();
    const token = await signToken(bench.key, bench.claims());
    expect((await bench.gate.bearer(token)).ok).toBe(true);
    await bench.reopen({ audience: 'https://other.example.com' });
    await bench.expectInvalid(token, /aud/);
    await bench.close();
  });

  it('R02 unknown key: it is remembered as unknown for a moment, and not once it was created', async () => {
    const { id, key } = generateApiKey();
    expect(refusalOf(await gate.apiKey(key)).code).toBe('credential_invalid');
    expect(refusalOf(await gate.apiKey(key)).code).toBe('credential_invalid');
    expect(watched.asked).toHaveLength(1);
    gate.time.now += 2000;
    expect(refusalOf(await gate.apiKey(key)).code).toBe('credential_invalid');
    expect(watched.asked).toHaveLength(2);
    await gate.stores.apiKeys.create(storedKey(id, sha256Digest(key)));
    expect((await gate.apiKey(key)).ok).toBe(true);
  });

  it('R02 outage: that the store could not be asked is not remembered', async () => {
    const { key } = await issueKey(gate.stores.apiKeys);
    watched.beforeAnswer = () => Promise.reject(new StoreUnavailable('gone'));
    await expect(gate.apiKey(key)).rejects.toMatchObject({ code: 'store_unavailable' });
    watched.beforeAnswer = () => Promise.resolve();
    expect((await gate.apiKey(key)).ok).toBe(true);
  });

  it('R03 expiry: a remembered token dies at its exp', async () => {
    const bench = await openTokenBench();
    const exp = Math.floor(bench.gate.time.now / 1000) + 60;
    const token = await signToken(bench.key, bench.claims({ exp }));
    const principal = principalOf(await bench.gate.bearer(token));
    bench.gate.time.now = exp * 1000 - 1;
    expect(principalOf(await bench.gate.bearer(token))).toBe(principal);
    bench.gate.time.now = exp * 1000;
    expect(refusalOf(await bench.gate.bearer(token)).code).toBe('credential_expired');
    await bench.close();
  });

  it('R03 introspection: an active answer is reused for 30 s at most, and never past its exp', async () => {
    const bench = await openTokenBench();
    await bench.reopen({
      introspection: {
        endpoint: `${bench.issuer.url}/introspect`,
        clientId: 'gate',
        clientSecret: 'secret',
        cache: '10m',
      },
    });
    const asked = (): number => bench.issuer.count('POST /introspect');
    const exp = Math.floor(bench.gate.time.now / 1000) + 40;
    bench.issuer.tokens.set('opaque', { active: true, sub: 'u', exp });
    const principal = principalOf(await bench.gate.bearer('opaque'));
    bench.gate.time.now += 29_999;
    expect(principalOf(await bench.gate.bearer('opaque'))).toBe(principal);
    expect(asked()).toBe(1);
    bench.gate.time.now += 1;
    expect((await bench.gate.bearer('opaque')).ok).toBe(true);
    expect(asked()).toBe(2);
    bench.gate.time.now = exp * 1000;
    expect(refusalOf(await bench.gate.bearer('opaque')).code).toBe('credential_expired');
    expect(asked()).toBe(2);
    await bench.close();
  });
});
