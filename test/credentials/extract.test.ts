import { describe, expect, it } from 'vitest';
import type { AcceptedCredentials } from '../../src/credentials/credential.ts';
import { extractCredentials } from '../../src/credentials/extract.ts';
import { createFieldReader } from '../../src/http/received-fields.ts';

const reader = createFieldReader({ apiKey: 'X-API-Key', owned: [], tenantFields: [] });

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
});
