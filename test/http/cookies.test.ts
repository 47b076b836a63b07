import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCookieFilter, deleteCookie, findCookies, writeCookie } from '../../src/http/cookies.ts';

const NAME = '__Host-gatehouse';

describe('a Cookie field is read by exact names', () => {
  const cases: readonly (readonly [
    title: string,
    field: string,
    value: string | undefined,
    isRepeated: boolean,
  ])[] = [
    ['alone', `${NAME}=a`, 'a', false],
    ['between others', `x=1; ${NAME}=a; y=2`, 'a', false],
    ['without a space', `x=1;${NAME}=a;y=2`, 'a', false],
    ['with blanks around the pair', `x=1; \t ${NAME}=a \t; y=2`, 'a', false],
    ['with = in the value', `${NAME}=a=b==`, 'a=b==', false],
    ['in quotes, which stay', `${NAME}="a"`, '"a"', false],
    ['empty', `${NAME}=`, '', false],
    ['twice', `${NAME}=a; ${NAME}=b`, 'a', true],
    ['twice alike', `${NAME}=a; ${NAME}=a`, 'a', true],
    ['twice, the first one empty', `${NAME}=; ${NAME}=b`, '', true],
    ['in other letters', `__host-gatehouse=a`, undefined, false],
    ['as the end of a longer name', `x${NAME}=a`, undefined, false],
    ['as the beginning of a longer name', `${NAME}2=a`, undefined, false],
    ['as a value', `x=${NAME}=a`, undefined, false],
    ['behind a comma, which separates nothing', `x=1,${NAME}=a`, undefined, false],
    ['without =', `${NAME}; x=1`, undefined, false],
    ['with a blank before =', `${NAME} =a`, undefined, false],
    ['not at all', 'x=1; y=2', undefined, false],
    ['in an empty field', '', undefined, false],
    ['among semicolons alone', ';;; ;', undefined, false],
  ];
  test.each(cases)('%s', (_, field, value, isRepeated) => {
    expect(findCookies(field, [NAME])).toEqual({ values: [value], repeated: isRepeated ? 1 : 0 });
  });

  test('several names have places and bits of their own', () => {
    expect(findCookies('b=1; a=2; b=3; ab=4', ['a', 'b', 'c'])).toEqual({
      values: ['2', '1', undefined],
      repeated: 0b010,
    });
  });

  test('whatever pairs there are, the asked one is found once and its repetition is seen', () => {
    const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/);
    const value = fc.stringMatching(/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{0,12}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), name, (pairs, asked) => {
        const field = pairs.map(([key, text]) => `${key}=${text}`).join('; ');
        const same = pairs.filter(([key]) => key === asked);
        expect(findCookies(field, [asked])).toEqual({
          values: [same[0]?.[1]],
          repeated: same.length > 1 ? 1 : 0,
        });
      }),
    );
  });

  test('any text at all is read without a fault', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (field) => {
        const { values, repeated } = findCookies(field, [NAME, 'a']);
        expect(values).toHaveLength(2);
        expect(repeated).toBeLessThan(4);
      }),
    );
  });
});

describe('cookies that a client may not send are taken out', () => {
  const withoutKept = createCookieFilter(['ASP.NET_SessionId', 'auth']);

  test('and the others stay as they are', () => {
    expect(withoutKept('a=1;auth=2 ;  b="3"; c=4=5; authority=6; x-auth=7')).toBe(
      'a=1; b="3"; c=4=5; authority=6; x-auth=7',
    );
    expect(withoutKept('auth=1')).toBe('');
    expect(withoutKept('')).toBe('');
    expect(createCookieFilter([])('a=1;;b')).toBe('a=1;;b');
  });

  test.each([
    'ASP.NET_SessionId=evil',
    'asp.net_sessionid=evil',
    'ASP_NET_SessionId=evil',
    'ASP NET_SessionId=evil',
    'ASP.NET%5FSessionId=evil',
    'ASP.NET_SessionId =evil',
    'auth',
    'AUTH=evil',
    'x=1, auth=evil',
    'x=1,auth=evil',
    'x=1 auth=evil',
    'x="1" auth=evil',
    'x="1, auth=evil"',
    'x=1\tauth=evil',
  ])('in the spelling %j, which some server takes for it', (pair) => {
    expect(withoutKept(`a=1; ${pair}; b=2`)).toBe('a=1; b=2');
  });

  test('also where a client has sent more names than are remembered', () => {
    const many = Array.from({ length: 2_100 }, (_, index) => `n${index}=1`).join('; ');
    expect(withoutKept(`${many}; AUth=evil`)).toBe(many);
  });
});

describe('a cookie of ours', () => {
  const cookie = { name: NAME, path: '/', sameSite: 'Lax', isSecure: true } as const;

  test('has every attribute that keeps it in, and no Domain', () => {
    expect(writeCookie(cookie, 'ghs_x')).toBe(`${NAME}=ghs_x; Path=/; Secure; HttpOnly; SameSite=Lax`);
    expect(writeCookie({ ...cookie, path: '/session/refresh', sameSite: 'Strict' }, 'ghm_x', 60.9)).toBe(
      `${NAME}=ghm_x; Path=/session/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=60`,
    );
    expect(writeCookie({ ...cookie, name: 'sid', isSecure: false }, 'x')).toBe(
      'sid=x; Path=/; HttpOnly; SameSite=Lax',
    );
  });

  test('is deleted with the attributes that it was set with', () => {
    expect(deleteCookie(cookie)).toBe(
      `${NAME}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`,
    );
  });

  test('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^gh[sm]_[0-9A-Za-z_]{1,60}$/), (value) => {
        const sent = writeCookie(cookie, value, 5).split(';')[0] ?? '';
        expect(findCookies(sent, [NAME]).values).toEqual([value]);
      }),
    );
  });
});
