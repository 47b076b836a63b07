import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateApiKey, idOfIssuedKey } from '../../src/api-keys/api-key-format.ts';
import type { AcceptedCredentials } from '../../src/credentials/credential.ts';
import { extractCredentials, withoutTicket } from '../../src/credentials/extract.ts';
import { createFieldReader } from '../../src/http/received-fields.ts';

const reader = createFieldReader({
  apiKey: 'X-API-Key',
  owned: [],
  tenantFields: [],
  sessionCookies: ['sid', 'auth'],
  droppedCookies: new Set(['sid', 'auth']),
});

const KINDS = ['apiKey', 'bearer', 'session', 'ticket', 'apiKey+bearer', 'apiKey+session'] as const;
const SECRET = 'S3cretS3cretS3cret';
const TICKET = `ght_${'a'.repeat(43)}`;

const line = fc.oneof(
  fc.tuple(
    fc.constantFrom('X-API-Key', 'x-api-key', 'X_API_Key'),
    fc.constantFrom(SECRET, '', ' ', `${SECRET}, ${SECRET}`, '\xe9'),
  ),
  fc.tuple(
    fc.constantFrom('Authorization', 'authorization'),
    fc.constantFrom(
      `Bearer ${SECRET}`,
      `bearer  ${SECRET}`,
      `ApiKey ${SECRET}`,
      `Basic ${SECRET}`,
      'Bearer',
      '',
      `Bearer ${SECRET} x`,
      SECRET,
    ),
  ),
  fc.tuple(
    fc.constant('Cookie'),
    fc.constantFrom(`sid=${SECRET}`, `auth=${SECRET}; a=b`, 'a=b', `sid=1; auth=${SECRET}`, 'sid'),
  ),
);
const query = fc.constantFrom(
  '',
  `ticket=${TICKET}`,
  `a=b&ticket=${TICKET}&c=d`,
  `ticket=${TICKET}&ticket=${TICKET}`,
  'ticket=x',
  `access_token=${SECRET}`,
  'ACCESS_TOKEN=',
);
const accepts = fc.subarray([...KINDS], { minLength: 1 }).map((kinds) => new Set<AcceptedCredentials>(kinds));

describe('the credentials of a request, whatever it is', () => {
  it('are one that the route accepts, or are refused; no refusal and no text of them tells a secret', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(line, { maxLength: 3 }), query, accepts, (lines, text, kinds) => {
        const found = extractCredentials(reader.read(lines.flat()), text, kinds);
        expect(JSON.stringify(found)).not.toContain(SECRET);
        expect(JSON.stringify(found)).not.toContain(TICKET);
        if (!found.ok) return;
        accepted += 1;
        const presented = found.value;
        const kind = presented.kind === 'pair' ? `apiKey+${presented.user.kind}` : presented.credential.kind;
        expect([...kinds]).toContain(kind);
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  it('are never found where more than one of a kind was sent, in whatever places', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 4 }), query, (lines, text) => {
        const of = (name: string) =>
          lines.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
        const keys =
          of('x-api-key').length + of('authorization').filter((value) => /^apikey /i.test(value)).length;
        const sessions =
          of('cookie')
            .join(';')
            .match(/(?:^|;)\s*(?:sid|auth)=/g)?.length ?? 0;
        if (keys < 2 && of('authorization').length < 2 && sessions < 2) return;
        expect(extractCredentials(reader.read(lines.flat()), text, new Set(KINDS)).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it('leave a query without tickets, and every other parameter byte for byte', () => {
    const parameter = fc.constantFrom(
      'a=b',
      'ticket=x',
      `ticket=${TICKET}x`,
      `xticket=${TICKET}`,
      '%zz',
      '=',
    );
    fc.assert(
      fc.property(fc.array(parameter, { maxLength: 3 }), fc.nat({ max: 3 }), (others, place) => {
        const text = others.map(String).toSpliced(place, 0, `ticket=${TICKET}`).join('&');
        expect(withoutTicket(text)).toBe(others.join('&').replace(/^&/, ''));
      }),
    );
  });
});

describe('an issued key', () => {
  it('is not one any more when a letter is changed, dropped, added or two are swapped', () => {
    const letter = fc.stringMatching(/^[0-9A-Za-z_-]$/);
    fc.assert(
      fc.property(
        fc.nat({ max: 50 }),
        letter,
        fc.constantFrom('change', 'drop', 'add', 'swap'),
        (at, other, how) => {
          const { id, key } = generateApiKey();
          expect(idOfIssuedKey(key)).toBe(id);
          const next = key[at + 1] ?? '';
          const changed = {
            change: key.slice(0, at) + other + key.slice(at + 1),
            drop: key.slice(0, at) + key.slice(at + 1),
            add: key.slice(0, at) + other + key.slice(at),
            swap: key.slice(0, at) + next + (key[at] ?? '') + key.slice(at + 2),
          }[how];
          if (changed !== key) expect(idOfIssuedKey(changed)).toBeUndefined();
        },
      ),
      { numRuns: 700 },
    );
  });
});
