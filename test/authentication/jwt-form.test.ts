import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCompactJws } from '../../src/authentication/jwt-form.ts';
import { parseStrictJson } from '../../src/authentication/strict-json.ts';

const HEADER = Buffer.from('{"alg":"ES256"}').toString('base64url');

describe('the form of a token', () => {
  it('is one spelling per token: any text that is accepted is the encoding of what it decodes to', () => {
    const part = fc.stringMatching(/^[A-Za-z0-9_\-=+/. \n]{1,12}$/);
    fc.assert(
      fc.property(part, part, (payload, signature) => {
        const parsed = parseCompactJws(`${HEADER}.${payload}.${signature}`);
        if (!parsed.ok) return;
        expect(parsed.value.payload.toString('base64url')).toBe(payload);
        expect(parsed.value.signature.toString('base64url')).toBe(signature);
      }),
    );
  });

  it('is met by every token in canonical form', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(bytes, bytes, (payload, signature) => {
        const token = [
          HEADER,
          Buffer.from(payload).toString('base64url'),
          Buffer.from(signature).toString('base64url'),
        ];
        expect(parseCompactJws(token.join('.')).ok).toBe(true);
      }),
    );
  });
});

describe('strict JSON', () => {
  it('reads every object as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (value) => {
        const text = JSON.stringify(value);
        expect(parseStrictJson(Buffer.from(text))).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  it('refuses an object that has any of its members twice, wherever it stands', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (value, choice) => {
        const names = Object.keys(value);
        const name = JSON.stringify(names[choice % names.length]);
        const text = `${JSON.stringify(value).slice(0, -1)},${name}:0}`;
        for (const document of [text, `{"list":[1,{"in":${text}}]}`]) {
          expect(parseStrictJson(Buffer.from(document))).toEqual({ ok: false, error: 'has a member twice' });
        }
      }),
    );
  });

  it.each(['', 'null', '[]', '"a"', '7', '{', '{"a":1}x', '\uFEFF{}'])(
    'refuses %j, which is no object',
    (text) => {
      expect(parseStrictJson(Buffer.from(text)).ok).toBe(false);
    },
  );

  it('refuses bytes that are not UTF-8', () => {
    expect(parseStrictJson(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])).ok).toBe(false);
  });
});
