import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimAt, hasAudience, readId, readTime, readWords } from '../../src/authentication/claims.ts';
import { expiryOf, faultOfTimes, hasAcceptedType } from '../../src/authentication/jwt-rules.ts';
import { type JsonObject, parseStrictJson } from '../../src/authentication/strict-json.ts';
import type { Json } from '../../src/principals/principal.ts';

const NOW = 1_800_000_000_000;

const json = fc.jsonValue({ maxDepth: 3 }).map((value) => value as Json);
/** Numbers that dates and comparisons stumble over. */
const time = fc.oneof(
  fc.constantFrom(
    0,
    -1,
    Number.POSITIVE_INFINITY,
    -0,
    1.5,
    253_402_300_799,
    253_402_300_800,
    NOW / 1000,
    NOW / 1000 - 1,
    NOW / 1000 + 1,
  ),
  fc.double(),
  json,
);

describe('claims, whatever they are', () => {
  it('are live only before a time in seconds that is a number', () => {
    fc.assert(
      fc.property(time, (exp) => {
        const isNumber = typeof exp === 'number' && exp >= 0 && exp <= 253_402_300_799;
        expect(expiryOf({ exp }, NOW)).toBe(!isNumber ? 'malformed' : NOW / 1000 >= exp ? 'expired' : 'live');
      }),
      { numRuns: 500 },
    );
  });

  it('are of the future when nbf or iat is, past the tolerance, or is no time', () => {
    fc.assert(
      fc.property(time, time, fc.nat({ max: 60_000 }), (nbf, iat, tolerance) => {
        const isPast = (value: unknown) =>
          typeof value === 'number' && value >= 0 && value * 1000 <= NOW + tolerance;
        expect(faultOfTimes({ nbf, iat }, tolerance, NOW) === undefined).toBe(isPast(nbf) && isPast(iat));
      }),
      { numRuns: 500 },
    );
  });

  it('are found by name or path, and never on a prototype', () => {
    const name = fc.constantFrom('a', 'b', 'a.b', '__proto__', 'constructor', 'toString', 'length', '0', '');
    fc.assert(
      fc.property(
        fc.dictionary(name, json),
        fc.array(name, { minLength: 1, maxLength: 3 }),
        (claims, names) => {
          const found = claimAt(claims, names.join('.'));
          expect(found === undefined || typeof found !== 'function').toBe(true);
          if (found !== undefined) expect(JSON.stringify(claims)).toContain(JSON.stringify(found));
          expect(claimAt({}, names.join('.'))).toBeUndefined();
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are of the types that their readers promise, or refused', () => {
    fc.assert(
      fc.property(json, (value) => {
        const [id, at, words] = [readId(value, 'x'), readTime(value, 'x'), readWords(value, 'x')];
        if (id.ok)
          expect(typeof id.value === 'string' && id.value.length <= 256 && id.value !== '').toBe(true);
        if (at.ok) expect(Number.isFinite(at.value)).toBe(true);
        if (words.ok)
          expect([...words.value].every((word) => typeof word === 'string' && word !== '')).toBe(true);
        const isNamed = value === 'api' || (Array.isArray(value) && value.includes('api'));
        if (hasAudience(value, ['api'])) expect(isNamed).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('have a type that is accepted in any case, with application/ or without, and no other', () => {
    const spelling = fc.constantFrom('at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt');
    fc.assert(
      fc.property(spelling, fc.string(), (accepted, other) => {
        expect(hasAcceptedType(accepted, ['at+jwt'])).toBe(true);
        if (!/^(?:application\/)?at\+jwt$/i.test(other))
          expect(hasAcceptedType(other, ['at+jwt'])).toBe(false);
      }),
    );
  });
});

describe('strict JSON', () => {
  it('of any bytes is what JSON.parse reads, or refused; a name twice at any depth is', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '"\\u0061"',
      '"\\""',
      '1',
      'null',
      ' ',
      '"__proto__"',
      '\ufeff',
      '\ud800',
    );
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 14 }).map((all) => `{${all.join('')}}`),
          fc.json(),
        ),
        (text) => {
          const read = parseStrictJson(Buffer.from(text));
          expect(Object.keys(Object.prototype)).toEqual([]);
          if (!read.ok) return;
          accepted += 1;
          expect(read.value).toEqual(JSON.parse(text) as JsonObject);
          expect(JSON.stringify(Object.keys(read.value)).length).toBeLessThanOrEqual(text.length * 6 + 2);
        },
      ),
      { numRuns: 1500 },
    );
    expect(accepted).toBeGreaterThan(50);
  });
});
