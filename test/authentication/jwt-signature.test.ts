import { sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hasValidSignature } from '../../src/authentication/jwt-signature.ts';
import { admitKey, type VerificationKey } from '../../src/keys/jwks-admission.ts';
import { createSigningKey } from '../support/issuer.ts';

const INPUT = 'header.payload';

function admitted(jwk: unknown): VerificationKey {
  const key = admitKey(jwk, ['RS256', 'RS512', 'ES256']);
  if (!key.ok) throw new Error(key.error);
  return key.value;
}

describe('a signature', () => {
  it('counts only by an algorithm that its key is good for, even if it would verify', async () => {
    const { privateKey, publicJwk } = await createSigningKey('RS256');
    const signature = sign('sha512', Buffer.from(INPUT), privateKey);
    const { alg: _alg, ...open } = publicJwk;
    expect(hasValidSignature(admitted(open), 'RS512', INPUT, signature)).toBe(true);
    expect(hasValidSignature(admitted(publicJwk), 'RS512', INPUT, signature)).toBe(false);
  });

  it('of ECDSA is R and S at full length, not DER', async () => {
    const { privateKey, publicJwk } = await createSigningKey('ES256');
    const raw = sign('sha256', Buffer.from(INPUT), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const der = sign('sha256', Buffer.from(INPUT), privateKey);
    expect(hasValidSignature(admitted(publicJwk), 'ES256', INPUT, raw)).toBe(true);
    expect(hasValidSignature(admitted(publicJwk), 'ES256', INPUT, der)).toBe(false);
  });
});
