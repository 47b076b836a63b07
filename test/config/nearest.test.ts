import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nearest, typoDistance } from '../../src/config/nearest.ts';

describe('did you mean', () => {
  test.each([
    ['upstreamz', 'upstreams'],
    ['rotues', 'routes'],
    ['tenant', 'tenants'],
    ['apikeys', 'apiKeys'],
    ['publicURL', 'publicUrl'],
    ['loging', 'logging'],
  ])('%s is taken for %s', (typo, meant) => {
    const keys = ['listen', 'publicUrl', 'tenants', 'issuers', 'apiKeys', 'upstreams', 'routes', 'logging'];
    expect(nearest(typo, keys)).toBe(meant);
  });

  test('nothing is suggested for what is not near anything', () => {
    expect(nearest('database', ['listen', 'routes', 'tenants'])).toBeUndefined();
    expect(nearest('x', ['listen', 'routes'])).toBeUndefined();
    expect(nearest('a'.repeat(1_000_000), ['listen'])).toBeUndefined();
  });

  test('a letter added, lost, changed or swapped with its neighbour is one step', () => {
    expect(['routess', 'route', 'routex', 'roubtes'].map((typo) => typoDistance(typo, 'routes'))).toEqual([
      1, 1, 1, 1,
    ]);
    expect(typoDistance('ruotes', 'routes')).toBe(1);
  });

  test('the distance is symmetric, and zero only for equal texts', () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(typoDistance(a, b)).toBe(typoDistance(b, a));
        expect(typoDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });
});
