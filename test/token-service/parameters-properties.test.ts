import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndpointCall } from '../../src/endpoints/endpoint.ts';
import { readJsonBody } from '../../src/session-endpoints/json-body.ts';
import { readClientCredentials } from '../../src/token-service/client-credentials.ts';
import { decodeForm, readParameters } from '../../src/token-service/parameters.ts';

function callOf(type: string, body: string | Buffer, authorization?: string): EndpointCall {
  const fields: Readonly<Record<string, string | undefined>> = { 'content-type': type, authorization };
  return {
    method: 'POST',
    path: '/oauth/token',
    query: '',
    host: 'gw.test',
    scheme: 'https',
    origin: 'https://gw.test',
    hostTenant: undefined,
    peer: '127.0.0.1',
    field: (name) => fields[name],
    isRepeated: () => false,
    forwardable: [],
    body: Buffer.from(body as string),
    now: 0,
    decisionId: 'd',
  };
}

const FORM = 'application/x-www-form-urlencoded';
/** No lone surrogates: no UTF-8 stands for them. */
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const name = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'hasOwnProperty', 'client_id'));

describe('a form', () => {
  it('says what a browser or library wrote into it', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, text), { maxLength: 8, selector: ([key]) => key }),
        (pairs) => {
          const read = readParameters(callOf(FORM, new URLSearchParams(pairs).toString()));
          expect(read).toEqual({ ok: true, value: new Map(pairs.filter(([, value]) => value !== '')) });
        },
      ),
      { numRuns: 400 },
    );
  });

  it('is refused when a name comes twice, in whatever spelling', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 5, unit: 'grapheme-ascii' }),
        text,
        text,
        (key, first, second) => {
          const escaped = Buffer.from(key).reduce(
            (all, byte) => `${all}%${byte.toString(16).padStart(2, '0')}`,
            '',
          );
          const body = `${new URLSearchParams([[key, first]]).toString()}&${escaped}=${encodeURIComponent(second)}`;
          expect(readParameters(callOf(FORM, body)).ok).toBe(false);
        },
      ),
    );
  });

  it('of any bytes is read as WHATWG reads it, or refused; nothing is thrown and no prototype is touched', () => {
    const bytes = fc
      .array(
        fc.constantFrom(
          'a',
          'b',
          '=',
          '&',
          '+',
          '%',
          '%4',
          '%41',
          '%zz',
          '%c3%a9',
          '%ff',
          '\xc3',
          ';',
          '__proto__',
          '[',
          ']',
        ),
        { maxLength: 12 },
      )
      .map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(bytes, (body) => {
        const read = readParameters(callOf(FORM, Buffer.from(body, 'latin1')));
        expect(Object.keys(Object.prototype)).toEqual([]);
        if (!read.ok) return;
        const theirs = [...new URLSearchParams(body)].filter(([, value]) => value !== '');
        expect([...read.value]).toEqual(theirs);
      }),
      { numRuns: 700 },
    );
  });

  it('decodes what was encoded', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(decodeForm(encodeURIComponent(value))).toBe(value);
      }),
    );
  });
});

describe('Basic', () => {
  it('gives the id and secret that were form-encoded into it (RFC 6749 section 2.3.1), and tells no secret', () => {
    fc.assert(
      fc.property(text, fc.string({ minLength: 6, maxLength: 20, unit: 'grapheme' }), (id, secret) => {
        const pair = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`;
        const field = `Basic ${Buffer.from(pair).toString('base64')}`;
        const read = readClientCredentials(callOf(FORM, '', field), new Map());
        expect(read.ok && [read.value.id, read.value.secret?.reveal()]).toEqual([id, secret]);
        expect(JSON.stringify(read)).not.toContain(`"${secret}"`);
      }),
    );
  });

  it('of any text is read or refused, never thrown over', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String().map((each) => `basic ${each}`),
        ),
        (field) => {
          expect(typeof readClientCredentials(callOf(FORM, '', field), new Map()).ok).toBe('boolean');
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('a JSON body', () => {
  const shape = { client_id: 'text', remember: 'boolean?', tenant: 'text?' } as const;
  const member = fc.constantFrom('client_id', 'remember', 'tenant', '__proto__', 'constructor', 'toString');

  it('has the members that are known, of their types, or is refused; no prototype is touched', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(member, fc.jsonValue({ maxDepth: 1 })), { maxLength: 4 }), (members) => {
        const body = `{${members.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
        const read = readJsonBody(callOf('application/json', body), shape);
        expect(Object.keys(Object.prototype)).toEqual([]);
        const names = members.map(([key]) => key);
        const isSound =
          new Set(names).size === names.length &&
          members.every(
            ([key, value]) =>
              (key === 'remember' && typeof value === 'boolean') ||
              ((key === 'client_id' || key === 'tenant') && typeof value === 'string' && value !== ''),
          ) &&
          names.includes('client_id');
        expect(read.ok).toBe(isSound);
        if (isSound) accepted += 1;
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(2);
  });

  it('of any bytes is refused in words that repeat none of them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const read = readJsonBody(callOf('application/json', Buffer.from(bytes)), shape);
        expect(read.ok).toBe(false);
      }),
      { numRuns: 400 },
    );
  });
});
