import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_JAR, type Jar, type KeptCookie } from '../../src/sessions/jar.ts';
import { cookieFieldFor, keepCookiesIn, readKeptCookies } from '../../src/sessions/kept-cookies.ts';
import { isPathMatch } from '../../src/sessions/set-cookie.ts';

const NOW = Date.UTC(2026, 5, 1, 12);

function aCookie(name: string, members: Partial<KeptCookie> = {}): KeptCookie {
  return { upstream: 'api', name, value: `${name}-value`, path: '/', version: 1, ...members };
}

function jarOf(...cookies: readonly KeptCookie[]): Jar {
  return { ...EMPTY_JAR, cookies };
}

/** What an answer to a request that was sent with `jar` sets. */
function answerTo(jar: Jar, ...setCookies: readonly string[]): readonly KeptCookie[] {
  const kept = new Set(['sid', 'csrf', 'lang']);
  return readKeptCookies(setCookies, { upstream: 'api', kept, jar, path: '/app/login', now: NOW });
}

describe('kept cookies', () => {
  it('are those that the login names, of the last field that sets each', () => {
    const set = answerTo(
      EMPTY_JAR,
      'sid=1; Path=/',
      'other=1',
      'SID=1',
      'csrf=a; Max-Age=9',
      'sid=2; Path=/',
      'sid=3',
    );
    expect(set).toEqual([
      aCookie('sid', { value: '2' }),
      aCookie('csrf', { value: 'a', path: '/app', expiresAt: NOW + 9000 }),
      aCookie('sid', { value: '3', path: '/app' }),
    ]);
    expect(keepCookiesIn(EMPTY_JAR, set).cookies).toEqual(set);
  });

  it('are set anew by an answer to a request that knew them, and not by an answer to an older one', () => {
    const first = keepCookiesIn(EMPTY_JAR, answerTo(EMPTY_JAR, 'sid=1; Path=/'));
    const newer = keepCookiesIn(first, answerTo(first, 'sid=2; Path=/'));
    expect(newer.cookies).toEqual([aCookie('sid', { value: '2', version: 2 })]);
    const late = answerTo(first, 'sid=late; Path=/', 'csrf=a; Path=/');
    expect(keepCookiesIn(newer, late).cookies).toEqual([...newer.cookies, aCookie('csrf', { value: 'a' })]);
    expect(keepCookiesIn(newer, answerTo(EMPTY_JAR, 'sid=oldest; Path=/'))).toBe(newer);
  });

  it('that are deleted do not come back by an answer to a request from before', () => {
    const first = keepCookiesIn(EMPTY_JAR, answerTo(EMPTY_JAR, 'sid=1; Path=/'));
    const deleted = keepCookiesIn(first, answerTo(first, 'sid=gone; Path=/; Max-Age=0'));
    expect(cookieFieldFor(deleted, 'api', '/app', NOW)).toBeUndefined();
    expect(JSON.stringify(deleted)).not.toContain('gone');
    expect(keepCookiesIn(deleted, answerTo(first, 'sid=late; Path=/'))).toBe(deleted);
    expect(keepCookiesIn(deleted, answerTo(EMPTY_JAR, 'sid=late; Path=/'))).toBe(deleted);
    const again = keepCookiesIn(deleted, answerTo(deleted, 'sid=2; Path=/'));
    expect(cookieFieldFor(again, 'api', '/app', NOW)).toBe('sid=2');
  });

  it('are not deleted by an answer to a request from before they were set anew', () => {
    const first = keepCookiesIn(EMPTY_JAR, answerTo(EMPTY_JAR, 'sid=1; Path=/'));
    const newer = keepCookiesIn(first, answerTo(first, 'sid=2; Path=/'));
    expect(keepCookiesIn(newer, answerTo(first, 'sid=; Path=/; Max-Age=0'))).toBe(newer);
  });

  it('are of one upstream each, and bounded in number', () => {
    const jar = jarOf(aCookie('sid', { upstream: 'billing', version: 7 }));
    expect(keepCookiesIn(jar, answerTo(jar, 'sid=1; Path=/')).cookies).toHaveLength(2);
    let full: Jar = EMPTY_JAR;
    for (let index = 0; index < 300; index += 1)
      full = keepCookiesIn(full, answerTo(full, `sid=1; Path=/${index}`));
    expect(full.cookies).toHaveLength(200);
    const roomy = keepCookiesIn(full, answerTo(full, 'sid=; Path=/7; Max-Age=0'));
    const refilled = keepCookiesIn(roomy, answerTo(roomy, 'csrf=new; Path=/'));
    expect(refilled.cookies).toHaveLength(200);
    expect(cookieFieldFor(refilled, 'api', '/7', NOW)).toBe('csrf=new');
    expect(keepCookiesIn(full, answerTo(full, 'sid=2; Path=/7')).cookies[7]).toMatchObject({
      value: '2',
      version: 2,
    });
  });
});

describe('the Cookie field', () => {
  it('has the cookies of the upstream and the path that have not expired, longest path first, then the oldest', () => {
    const jar = jarOf(
      aCookie('a'),
      aCookie('b', { path: '/app' }),
      aCookie('c', { path: '/app/x', expiresAt: NOW + 1 }),
      aCookie('d', { path: '/app' }),
      aCookie('e', { path: '/other' }),
      aCookie('f', { upstream: 'billing' }),
      aCookie('g', { expiresAt: 0 }),
    );
    expect(cookieFieldFor(jar, 'api', '/app/x?y=/z', NOW)).toBe('c=c-value; b=b-value; d=d-value; a=a-value');
    expect(cookieFieldFor(jar, 'api', '/app/x', NOW + 1)).toBe('b=b-value; d=d-value; a=a-value');
    expect(cookieFieldFor(jar, 'api', '/app?x', NOW)).toBe('b=b-value; d=d-value; a=a-value');
    expect(cookieFieldFor(jar, 'api', '/apple', NOW)).toBe('a=a-value');
    expect(cookieFieldFor(jar, 'billing', '/app/x', NOW)).toBe('f=f-value');
    expect(cookieFieldFor(jar, 'none', '/app/x', NOW)).toBeUndefined();
    expect(cookieFieldFor(EMPTY_JAR, 'api', '/', NOW)).toBeUndefined();
  });

  it('changes when the first of its cookies expires, also where all are for every path', () => {
    const jar = jarOf(aCookie('a', { expiresAt: NOW + 10 }), aCookie('b', { expiresAt: NOW + 20 }));
    expect(cookieFieldFor(jar, 'api', '/x', NOW + 9)).toBe('a=a-value; b=b-value');
    expect(cookieFieldFor(jar, 'api', '/x', NOW + 10)).toBe('b=b-value');
    expect(cookieFieldFor(jar, 'api', '/x', NOW + 20)).toBeUndefined();
    // A clock that is put back finds them again.
    expect(cookieFieldFor(jar, 'api', '/x', NOW)).toBe('a=a-value; b=b-value');
  });

  const paths = fc
    .array(fc.constantFrom('a', 'b', 'ab', ''), { maxLength: 4 })
    .map((parts) => `/${parts.join('/')}`);
  const cookies = fc.uniqueArray(
    fc.record({
      upstream: fc.constantFrom('api', 'billing'),
      name: fc.constantFrom('x', 'y', 'z'),
      value: fc.constantFrom('1', '2', ''),
      path: fc.oneof(fc.constant('/'), paths),
      expiresAt: fc.option(fc.integer({ min: NOW - 3, max: NOW + 3 }), { nil: undefined }),
    }),
    { selector: ({ upstream, name, path }) => `${upstream} ${name} ${path}`, maxLength: 12 },
  );

  it('is, for any jar, path and moment, what RFC 6265 §5.4 says, however often it is asked', () => {
    fc.assert(
      fc.property(
        cookies,
        fc.array(fc.tuple(paths, fc.integer({ min: NOW - 4, max: NOW + 4 }))),
        (some, asked) => {
          const jar = jarOf(
            ...some.map(({ expiresAt, ...cookie }) => ({
              ...cookie,
              version: 1,
              ...(expiresAt !== undefined && { expiresAt }),
            })),
          );
          for (const [path, now] of asked) {
            const expected = jar.cookies
              .filter((cookie) => cookie.upstream === 'api' && isPathMatch(path, cookie.path))
              .filter(({ expiresAt }) => expiresAt === undefined || now < expiresAt)
              .toSorted((one, other) => other.path.length - one.path.length)
              .map(({ name, value }) => `${name}=${value}`);
            const field = expected.length === 0 ? undefined : expected.join('; ');
            expect(cookieFieldFor(jar, 'api', path, now)).toBe(field);
          }
        },
      ),
    );
  });
});
