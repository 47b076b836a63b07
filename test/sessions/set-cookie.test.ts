import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCookieDate } from '../../src/sessions/cookie-date.ts';
import { isPathMatch, readSetCookie } from '../../src/sessions/set-cookie.ts';
import { DAY } from './rotation-options.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const MOMENT = Date.UTC(2026, 10, 6, 8, 49, 37);

describe('the date of a cookie', () => {
  it.each([
    ['Fri, 06 Nov 2026 08:49:37 GMT', MOMENT],
    ['Friday, 06-Nov-26 08:49:37 GMT', MOMENT],
    ['Fri Nov  6 08:49:37 2026', MOMENT],
    ['Fri, 06-Nov-2026 08:49:37 GMT', MOMENT],
    ['6 november 26 8:49:37', MOMENT],
    ['2026 nov 06 08:49:37', MOMENT],
    ['08:49:37 06 nov 2026 and more 99', MOMENT],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['01 Jan 70 00:00:00', 0],
    ['01 Jan 69 00:00:00', Date.UTC(2069, 0, 1)],
    ['29 Feb 2028 00:00:00', Date.UTC(2028, 1, 29)],
    ['29 Feb 2027 00:00:00', undefined],
    ['31 Apr 2027 00:00:00', undefined],
    ['00 Jan 2027 00:00:00', undefined],
    ['01 Jan 1600 00:00:00', undefined],
    ['01 Jan 2027 24:00:00', undefined],
    ['01 Jan 2027 00:60:00', undefined],
    ['01 Jan 2027 00:00:60', undefined],
    ['01 Jan 2027', undefined],
    ['Jan 2027 00:00:00', undefined],
    ['01 2027 00:00:00', undefined],
    ['01 Jan 00:00:00', undefined],
    ['', undefined],
    ['0', undefined],
    ['tomorrow', undefined],
  ])('%s', (text, expected) => {
    expect(parseCookieDate(text)).toBe(expected);
  });

  it('of any second is read from the form that servers write', () => {
    const seconds = fc.integer({ min: -11_644_473_600, max: 253_402_300_799 });
    fc.assert(
      fc.property(seconds, (second) => {
        expect(parseCookieDate(new Date(second * 1000).toUTCString())).toBe(second * 1000);
      }),
    );
  });
});

/** Answered to a request for /app/login. */
function cookie(members: object) {
  return { name: 'sid', value: 'v', path: '/app', ...members };
}

describe('a Set-Cookie field', () => {
  it.each([
    ['sid=v', cookie({})],
    ['sid=v; Path=/', cookie({ path: '/' })],
    ['sid=v; pATH = /x/y ', cookie({ path: '/x/y' })],
    ['sid=v; Path=', cookie({})],
    ['sid=v; Path=relative', cookie({})],
    ['sid=v; Path=/a; Path=/b', cookie({ path: '/b' })],
    ['sid=v; Path=/a; Path=b', cookie({})],
    [' sid = a b ; Secure; HttpOnly; SameSite=None; Domain=other.test', cookie({ value: 'a b' })],
    ['sid="quoted"', cookie({ value: '"quoted"' })],
    ['sid=a=b==', cookie({ value: 'a=b==' })],
    ['sid=', cookie({ value: '' })],
    ['sid=v; Max-Age=60', cookie({ expiresAt: NOW + 60_000 })],
    ['sid=v; Max-Age=0', cookie({ expiresAt: 0 })],
    ['sid=v; Max-Age=-1', cookie({ expiresAt: 0 })],
    ['sid=v; Max-Age=1e3', cookie({})],
    ['sid=v; Max-Age=+60', cookie({})],
    ['sid=v; Max-Age=', cookie({})],
    [`sid=v; Max-Age=${'9'.repeat(400)}`, cookie({ expiresAt: NOW + 400 * DAY })],
    ['sid=v; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT', cookie({ expiresAt: NOW + 60_000 })],
    ['sid=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT', cookie({ expiresAt: 0 })],
    ['sid=v; Expires=Fri, 06 Nov 2026 08:49:37 GMT', cookie({ expiresAt: MOMENT })],
    ['sid=v; Expires=never', cookie({})],
    ['sid=v; Expires=Fri, 31 Dec 9999 23:59:59 GMT', cookie({ expiresAt: NOW + 400 * DAY })],
    [`sid=v; Path=/${'a'.repeat(1024)}`, cookie({})],
    ['', undefined],
    ['sid', undefined],
    ['=v', undefined],
    ['; sid=v', undefined],
    ['sid=v\r\nX-Injected: 1', undefined],
    ['sid=v\0', undefined],
    [`sid=${'a'.repeat(4094)}`, undefined],
  ])('%j', (field, expected) => {
    expect(readSetCookie(field, '/app/login', NOW)).toEqual(expected);
  });

  it.each([
    ['', '/'],
    ['/', '/'],
    ['/login', '/'],
    ['/app/login', '/app'],
    ['/app/', '/app'],
    ['/app/login?next=/a/b/c', '/app'],
    ['*', '/'],
  ])('without a path, answered to %j, is for %s', (requestPath, path) => {
    expect(readSetCookie('sid=v', requestPath, NOW)?.path).toBe(path);
  });

  it('of any text is read or ignored, and what is read can be sent back as it is', () => {
    const octets = fc.string({
      unit: fc.oneof(
        fc.constantFrom('=', ';', ' ', '\t', '/', 'path', 'max-age', 'expires', '\r', '\0'),
        fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      ),
      maxLength: 60,
    });
    fc.assert(
      fc.property(octets, octets, (field, path) => {
        const read = readSetCookie(field, path, NOW);
        if (read === undefined) return;
        expect(read.name).not.toMatch(/[=;\r\n\0]|^$|^[ \t]|[ \t]$/);
        expect(read.value).not.toMatch(/[;\r\n\0]|^[ \t]|[ \t]$/);
        expect(read.path).toMatch(/^\//);
        expect(readSetCookie(`${read.name}=${read.value}`, '/', NOW)).toMatchObject({
          name: read.name,
          value: read.value,
        });
        if (read.expiresAt !== undefined) expect(Number.isFinite(read.expiresAt)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the path of a cookie', () => {
  it.each([
    ['/', '/', true],
    ['/a', '/', true],
    ['/a', '/a', true],
    ['/a/', '/a', true],
    ['/a/b', '/a', true],
    ['/a/b', '/a/', true],
    ['/a', '/a/', false],
    ['/ab', '/a', false],
    ['/b', '/a', false],
    ['/A', '/a', false],
    ['/a%2Fb', '/a', false],
  ])('%s, cookie of %s: %s', (requestPath, cookiePath, expected) => {
    expect(isPathMatch(requestPath, cookiePath)).toBe(expected);
  });
});
