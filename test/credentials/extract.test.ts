import { describe, expect, it } from 'vitest';
import type { AcceptedCredentials } from '../../src/credentials/credential.ts';
import { extractCredentials, withoutTicket } from '../../src/credentials/extract.ts';
import { createFieldReader } from '../../src/http/received-fields.ts';

const reader = createFieldReader({
  apiKey: 'X-API-Key',
  owned: [],
  tenantFields: [],
  sessionCookies: ['__Host-gatehouse'],
  droppedCookies: new Set(['__Host-gatehouse']),
});

function extract(
  raw: readonly string[],
  accepts: readonly AcceptedCredentials[] = ['apiKey', 'bearer'],
  query = '',
): string {
  const presented = extractCredentials(reader.read(raw), query, new Set(accepts));
  if (!presented.ok) return presented.error.code;
  return presented.value.kind === 'pair'
    ? 'pair'
    : `${presented.value.credential.kind} ${presented.value.credential.value.reveal()}`;
}

describe('credentials of a request', () => {
  it.each([
    ['nothing', [], 'credential_missing'],
    ['a key in its field', ['x-api-key', 'k1'], 'apiKey k1'],
    ['a key in Authorization', ['Authorization', 'ApiKey k1'], 'apiKey k1'],
    [
      'a bearer token, whatever the case of the scheme',
      ['Authorization', 'bEaReR  abc.def'],
      'bearer abc.def',
    ],
    [
      'two Authorization fields',
      ['Authorization', 'Bearer a', 'authorization', 'Bearer a'],
      'credential_ambiguous',
    ],
    ['two key fields', ['X-API-Key', 'a', 'x-api-key', 'a'], 'credential_ambiguous'],
    ['a key in two places', ['X-API-Key', 'a', 'Authorization', 'ApiKey a'], 'credential_ambiguous'],
    ['a key and a bearer token', ['X-API-Key', 'a', 'Authorization', 'Bearer a'], 'credential_ambiguous'],
    ['a key and Basic', ['X-API-Key', 'a', 'Authorization', 'Basic YTpi'], 'credential_ambiguous'],
    ['Basic alone', ['Authorization', 'Basic YTpi'], 'credential_invalid'],
    ['a token with a space in it', ['Authorization', 'Bearer a b'], 'credential_invalid'],
    ['an empty token', ['Authorization', 'Bearer '], 'credential_invalid'],
    ['an empty key', ['X-API-Key', ''], 'credential_invalid'],
    ['two keys in one value', ['X-API-Key', 'a, b'], 'credential_invalid'],
    ['a key with a space in it', ['X-API-Key', 'ACME #1,b'], 'apiKey ACME #1,b'],
    ['a key outside ASCII', ['X-API-Key', 'k\u00fc'], 'credential_invalid'],
    ['a token of 16 KiB and more', ['Authorization', `Bearer ${'a'.repeat(16_385)}`], 'credential_invalid'],
  ])('%s', (_, raw, expected) => {
    expect(extract(raw)).toBe(expected);
  });

  it('form a pair only where the route declares it', () => {
    const both = ['X-API-Key', 'a', 'Authorization', 'Bearer b'];
    expect(extract(both, ['apiKey+bearer'])).toBe('pair');
    expect(extract(both, ['bearer'])).toBe('credential_ambiguous');
    expect(extract(['X-API-Key', 'a'], ['apiKey+bearer'])).toBe('credential_missing');
  });

  it('of a kind that the route does not accept are invalid', () => {
    expect(extract(['X-API-Key', 'a'], ['bearer'])).toBe('credential_invalid');
  });

  it('in the query are refused, also beside a good one', () => {
    expect(extract(['Authorization', 'Bearer a'], ['bearer'], 'x=1&access_token=a')).toBe(
      'credential_ambiguous',
    );
    expect(extract([], ['bearer'], 'access_token=a')).toBe('credential_ambiguous');
  });

  const COOKIE = ['Cookie', 'a=b; __Host-gatehouse=s1'];
  const TICKET = `ght_${'a'.repeat(43)}`;

  it.each([
    ['a session cookie', COOKIE, ['session'], '', 'session s1'],
    ['a session cookie that is not accepted', COOKIE, ['bearer'], '', 'credential_invalid'],
    ['two session cookies', [...COOKIE, ...COOKIE], ['session'], '', 'credential_ambiguous'],
    [
      'a session cookie beside a token',
      [...COOKIE, 'Authorization', 'Bearer b'],
      ['session', 'bearer'],
      '',
      'credential_ambiguous',
    ],
    [
      'a session cookie beside Basic',
      [...COOKIE, 'Authorization', 'Basic YTpi'],
      ['session'],
      '',
      'credential_ambiguous',
    ],
    [
      'a key and a session cookie',
      [...COOKIE, 'X-API-Key', 'k'],
      ['apiKey', 'session'],
      '',
      'credential_ambiguous',
    ],
    ['the declared pair of them', [...COOKIE, 'X-API-Key', 'k'], ['apiKey+session'], '', 'pair'],
    ['half of the pair', COOKIE, ['apiKey+session'], '', 'credential_missing'],
    ['a ticket', [], ['ticket'], `x=1&ticket=${TICKET}&y=2`, `ticket ${TICKET}`],
    ['a ticket where none is accepted', [], ['session'], `ticket=${TICKET}`, 'credential_invalid'],
    ['two tickets', [], ['ticket'], `ticket=${TICKET}&ticket=${TICKET}`, 'credential_ambiguous'],
    [
      'a ticket beside a session cookie',
      COOKIE,
      ['ticket', 'session'],
      `ticket=${TICKET}`,
      `ticket ${TICKET}`,
    ],
    [
      'a ticket beside a key',
      ['X-API-Key', 'k'],
      ['ticket', 'apiKey'],
      `ticket=${TICKET}`,
      'credential_ambiguous',
    ],
    ['a parameter of the upstream', [], ['ticket'], 'ticket=ght_short&ticket=4711', 'credential_missing'],
  ] as const)('of a user: %s', (_, raw, accepts, query, expected) => {
    expect(extract(raw, accepts, query)).toBe(expected);
  });

  it('leave of the query everything but the ticket, byte for byte', () => {
    expect(withoutTicket(`ticket=${TICKET}`)).toBe('');
    expect(withoutTicket(`ticket=${TICKET}&a=%20&b`)).toBe('a=%20&b');
    expect(withoutTicket(`a=1&ticket=${TICKET}&ticket=2`)).toBe('a=1&ticket=2');
    expect(withoutTicket(`xticket=${TICKET}&a`)).toBe(`xticket=${TICKET}&a`);
  });
});
