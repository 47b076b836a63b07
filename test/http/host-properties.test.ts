import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAuthorityReader, originOf, parseAuthority } from '../../src/http/host.ts';

/** What hosts are made of, and what parsers disagree about. */
const authority = fc
  .array(
    fc.constantFrom(
      'a',
      'B',
      'acme',
      '0',
      '9',
      '-',
      '_',
      '.',
      '..',
      ':',
      ':80',
      ':443',
      ':0',
      ':65535',
      ':65536',
      '[',
      ']',
      '[::1]',
      '@',
      '/',
      '\\',
      '#',
      '?',
      '%',
      '%2e',
      ' ',
      '\t',
      ',',
      '*',
      '\0',
      '\xe9',
      'xn--',
      'a'.repeat(63),
    ),
    { maxLength: 6 },
  )
  .map((pieces) => pieces.join(''));
const anything = fc.oneof(authority, fc.string({ unit: 'binary' }), fc.webAuthority());

describe('an authority, whatever it is', () => {
  it('is read into letters that have no meaning elsewhere, or not at all', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const read = parseAuthority(value);
        if (read === undefined) return;
        expect(read.host).toMatch(/^(?:[a-z0-9_.-]{1,253}|\[[0-9a-f:.]+\])$/);
        expect(read.host).not.toMatch(/^\.|\.$|\.\./);
        expect(Number(read.port ?? 0)).toBeLessThanOrEqual(65_535);
      }),
      { numRuns: 3000 },
    );
  });

  it('is read as it was, once it is normalised', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const read = parseAuthority(value);
        if (read === undefined) return;
        const written = read.port === undefined ? read.host : `${read.host}:${read.port}`;
        expect(parseAuthority(written)).toEqual(read);
        expect(parseAuthority(written.toUpperCase())).toEqual(read);
      }),
      { numRuns: 3000 },
    );
  });

  it('is the host of a WHATWG URL as well, where that takes it for a name', () => {
    let compared = 0;
    fc.assert(
      fc.property(anything, (value) => {
        const read = parseAuthority(value);
        // Names that end in a number are addresses there, in many spellings; brackets have one canonical form.
        if (read === undefined || /(?:^|\.)(?:\d+|0x[0-9a-f]*)$|^\[|xn--/.test(read.host)) return;
        const origin = originOf('https', read);
        compared += 1;
        expect(new URL(`https://${value}/`).hostname.replace(/\.$/, '')).toBe(read.host);
        if (Number(read.port ?? 443) === 443) return;
        expect(new URL(origin).port).toBe(String(Number(read.port)));
      }),
      { numRuns: 3000 },
    );
    expect(compared).toBeGreaterThan(200);
  });

  it('is the same when it was seen before', () => {
    const read = createAuthorityReader();
    fc.assert(
      fc.property(anything, (value) => {
        expect(read(value)).toEqual(parseAuthority(value));
        expect(read(value)).toEqual(parseAuthority(value));
      }),
    );
  });
});
