import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RevocationTarget, revocationIdOf } from '../../src/revocation/revocation.ts';
import { apiKeyId, tenantId } from '../contract/fixtures.ts';

/** Any UTF-16, halves of surrogate pairs included, and often what an escape is made of. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(':', '%', 'u', 'D', '8', '0', '2', '5', '\ud800', '\udc00', '\ufffd'),
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  ),
  maxLength: 5,
});

const target: fc.Arbitrary<RevocationTarget> = fc.oneof(
  text.map((jti): RevocationTarget => ({ kind: 'token', issuer: 'a', jti })),
  fc.record({ kind: fc.constant('token' as const), issuer: text, jti: text }),
  text.map((digest): RevocationTarget => ({ kind: 'tokenDigest', digest })),
  text.map((subject): RevocationTarget => ({ kind: 'subject', subject })),
  text.map((client): RevocationTarget => ({ kind: 'client', client })),
  fc
    .constantFrom('a', 'a-', '0')
    .map((tenant): RevocationTarget => ({ kind: 'tenant', tenant: tenantId(tenant) })),
  fc.constantFrom('a', 'A', 'a.b').map((id): RevocationTarget => ({ kind: 'key', id: apiKeyId(id) })),
);

describe('the id of a revocation target', () => {
  it('is the same for two targets only when they are the same target', () => {
    fc.assert(
      fc.property(target, target, (one, other) => {
        expect(revocationIdOf(one) === revocationIdOf(other)).toBe(
          JSON.stringify(one) === JSON.stringify(other),
        );
      }),
      { numRuns: 3000 },
    );
  });

  it.each<[RevocationTarget, RevocationTarget]>([
    [
      { kind: 'token', issuer: 'a', jti: 'b:c' },
      { kind: 'token', issuer: 'a:b', jti: 'c' },
    ],
    [
      { kind: 'token', issuer: 'a', jti: '%3A' },
      { kind: 'token', issuer: 'a', jti: ':' },
    ],
    [
      { kind: 'token', issuer: 'a', jti: '\ud800' },
      { kind: 'token', issuer: 'a', jti: '\ud801' },
    ],
    [
      { kind: 'token', issuer: 'a', jti: '\ud800' },
      { kind: 'token', issuer: 'a', jti: '%uD800' },
    ],
    [
      { kind: 'token', issuer: 'a', jti: '\ud800' },
      { kind: 'token', issuer: 'a', jti: '\ufffd' },
    ],
    [
      { kind: 'subject', subject: 'x' },
      { kind: 'client', client: 'x' },
    ],
  ])('%o and %o stay apart', (one, other) => {
    expect(revocationIdOf(one)).not.toBe(revocationIdOf(other));
  });

  it('is printable ASCII, so that it may be a path segment, a key or a log field', () => {
    fc.assert(
      fc.property(target, (any) => {
        expect(revocationIdOf(any)).toMatch(/^[!-~]+$/);
      }),
    );
  });
});
