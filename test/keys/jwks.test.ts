import { generateKeyPairSync } from 'node:crypto';
import type { JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { VERIFICATION_ALGORITHMS } from '../../src/keys/algorithm.ts';
import { type KeySet, readKeySet, selectKey } from '../../src/keys/jwks.ts';
import { isRocaModulus } from '../../src/keys/jwks-roca.ts';
import { createSigningKey } from '../support/issuer.ts';

let ec: JWK;
let rsa: JWK;
let ed: JWK;

beforeAll(async () => {
  ec = (await createSigningKey('ES256', 'ec')).publicJwk;
  rsa = (await createSigningKey('RS256', 'rsa')).publicJwk;
  ed = (await createSigningKey('EdDSA', 'ed')).publicJwk;
});

function read(keys: readonly unknown[], algorithms = VERIFICATION_ALGORITHMS): KeySet {
  const set = readKeySet({ keys }, algorithms);
  if (!set.ok) throw new Error(set.error);
  return set.value;
}

function reasonFor(key: unknown): string | undefined {
  return read([key]).refused[0]?.reason;
}

/** A modulus of the flawed form: two factors that are powers of 65537 modulo every small prime. */
function flawedModulus(bits: number): bigint {
  const primorial = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
  ]
    .concat([101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167])
    .reduce((product, prime) => product * BigInt(prime), 2n);
  const factor = (k: bigint, a: number): bigint => k * primorial + (65_537n ** BigInt(a) % primorial);
  return factor(1n << BigInt(bits / 2 - 220), 5) * factor((1n << BigInt(bits / 2 - 220)) + 3n, 11);
}

function base64url(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
}

describe('a key set', () => {
  it('takes sound keys, each for the algorithms that it fits', () => {
    const { alg: _alg, ...open } = rsa;
    const set = read([ec, ed, open]);
    expect(set.refused).toEqual([]);
    expect(set.keys.map((key) => [key.kid, [...key.algorithms]])).toEqual([
      ['ec', ['ES256']],
      ['ed', ['EdDSA']],
      ['rsa', ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ]);
  });

  it.each([
    ['a text', () => 'key', 'not a JSON object'],
    ['a symmetric key', () => ({ kty: 'oct', k: 'AAAAAAAAAAAAAAAA', alg: 'HS256' }), 'symmetric key'],
    ['a private key', () => ({ ...ec, d: 'AAAA' }), 'it holds private members, so it is no secret any more'],
    ['a key for encryption', () => ({ ...ec, use: 'enc' }), 'use is not sig'],
    ['key_ops without verify', () => ({ ...ec, key_ops: ['encrypt'] }), 'key_ops has no verify'],
    ['a kid that is no text', () => ({ ...ec, kid: 7 }), 'kid is not a text'],
    [
      'alg of another curve',
      () => ({ ...ec, alg: 'ES384' }),
      'none of the algorithms of the issuer fits its kty, crv and alg',
    ],
    [
      'an unknown alg',
      () => ({ ...ec, alg: 'ES256K' }),
      'none of the algorithms of the issuer fits its kty, crv and alg',
    ],
    ['a point off its curve', () => ({ ...ec, y: ec.x }), 'its members do not make a public key'],
    [
      'RSA with e = 1',
      () => ({ ...rsa, e: 'AQ' }),
      'RSA with a public exponent that is not odd and at least 3',
    ],
    [
      'RSA with an even e',
      () => ({ ...rsa, e: 'BA' }),
      'RSA with a public exponent that is not odd and at least 3',
    ],
    [
      'RSA of 1024 bits',
      () => ({ ...generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }) }),
      'RSA of 1024 bits; at least 2048',
    ],
    [
      'RSA of 16384 bits',
      () => ({ ...rsa, n: base64url((1n << 16_383n) + 1n) }),
      'RSA of 16384 bits; at most 8192',
    ],
    [
      'a ROCA modulus',
      () => ({ ...rsa, n: base64url(flawedModulus(2056)) }),
      'RSA modulus that can be factored (ROCA, CVE-2017-15361)',
    ],
  ])('refuses %s, and says why', (_what, make, reason) => {
    expect(reasonFor(make())).toBe(reason);
  });

  it('uses the other keys of a set that has a bad one', () => {
    const set = read([{ kty: 'oct', k: 'AAAA' }, ec, null]);
    expect(set.keys.map((key) => key.kid)).toEqual(['ec']);
    expect(set.refused.map(({ key }) => key)).toEqual(['#0', '#2']);
  });

  it('uses none of two keys that cannot be told apart', async () => {
    const twin = (await createSigningKey('ES256', 'ec')).publicJwk;
    const set = read([ec, twin, ed]);
    expect(set.keys.map((key) => key.kid)).toEqual(['ed']);
    expect(set.refused).toEqual([
      { key: 'ec', reason: 'another key has the same kid' },
      { key: 'ec', reason: 'another key has the same kid' },
    ]);
  });

  it('uses both of two keys of one kid if no algorithm fits both (RFC 7517 section 4.5)', () => {
    const set = read([ec, { ...rsa, kid: 'ec' }]);
    expect(selectKey(set.keys, 'ec', 'ES256')?.key.asymmetricKeyType).toBe('ec');
    expect(selectKey(set.keys, 'ec', 'RS256')?.key.asymmetricKeyType).toBe('rsa');
  });

  it('is chosen from without a kid only if one key fits', async () => {
    const second = (await createSigningKey('ES256', 'ec2')).publicJwk;
    expect(selectKey(read([ec, rsa]).keys, undefined, 'ES256')?.kid).toBe('ec');
    expect(selectKey(read([ec, second]).keys, undefined, 'ES256')).toBeUndefined();
    expect(selectKey(read([ec]).keys, 'other', 'ES256')).toBeUndefined();
    expect(selectKey(read([ec]).keys, '', 'ES256')).toBeUndefined();
  });

  it.each([[null], ['keys'], [[]], [{}], [{ keys: {} }]])('is not read from %j', (document) => {
    expect(readKeySet(document, VERIFICATION_ALGORITHMS).ok).toBe(false);
  });

  it('is not read if it has more keys than any issuer needs', () => {
    const keys = Array.from({ length: 257 }, () => ec);
    expect(readKeySet({ keys }, VERIFICATION_ALGORITHMS)).toEqual({ ok: false, error: 'more than 256 keys' });
  });
});

describe('a ROCA modulus', () => {
  it('is told from a sound one', () => {
    const sound = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
    expect(isRocaModulus(BigInt(`0x${Buffer.from(sound.n ?? '', 'base64url').toString('hex')}`))).toBe(false);
    expect(isRocaModulus(flawedModulus(2056))).toBe(true);
  });
});
