import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { parseSessionId } from '../../src/sessions/session.ts';
import {
  drawCookie,
  drawRotating,
  drawSessionId,
  drawSuccessor,
  isSameDigest,
  parseCookie,
  parseRotating,
} from '../../src/sessions/session-credential.ts';

const kinds = fc.constantFrom('refresh', 'rememberMe');
const characters = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 });

describe('the texts of session credentials', () => {
  it('are read as what they were drawn as, and by nothing else', () => {
    fc.assert(
      fc.property(kinds, (kind) => {
        const id = drawSessionId();
        expect(parseSessionId(id)).toBe(id);
        const cookie = drawCookie(id);
        expect(parseCookie(cookie.text)).toEqual({ id, digest: cookie.digest });
        const { text, digest, familyDigest } = drawRotating(kind, id);
        expect(parseRotating(text, kind)).toEqual({ id, digest, familyDigest });
        expect(parseRotating(text, kind === 'refresh' ? 'rememberMe' : 'refresh')).toBeUndefined();
        expect(parseRotating(cookie.text, kind)).toBeUndefined();
        expect(parseCookie(text)).toBeUndefined();
      }),
    );
  });

  it('keep their family and nothing else from one generation to the next', () => {
    fc.assert(
      fc.property(kinds, (kind) => {
        const id = drawSessionId();
        const first = drawRotating(kind, id);
        const second = drawSuccessor(first.text);
        expect(second.familyDigest).toBe(first.familyDigest);
        expect(second.digest).not.toBe(first.digest);
        expect(parseRotating(second.text, kind)).toEqual({
          id,
          digest: second.digest,
          familyDigest: first.familyDigest,
        });
        expect(drawRotating(kind, id).familyDigest).not.toBe(first.familyDigest);
      }),
    );
  });

  it('have another digest, or are none, when one character is another one', () => {
    const cookie = drawCookie(drawSessionId());
    const rotating = drawRotating('refresh', drawSessionId());
    fc.assert(
      fc.property(fc.nat(64), characters, (at, character) => {
        for (const { text, digest } of [cookie, rotating]) {
          const right = text.reveal();
          const place = at % right.length;
          const wrong = right.slice(0, place) + character + right.slice(place + 1);
          fc.pre(wrong !== right);
          const read = parseCookie(new Secret(wrong)) ?? parseRotating(new Secret(wrong), 'refresh');
          expect(isSameDigest(read?.digest ?? '0'.repeat(64), digest)).toBe(false);
        }
      }),
    );
  });

  it('match nothing where nothing is expected', () => {
    const { digest } = drawCookie(drawSessionId());
    expect(isSameDigest(digest, digest)).toBe(true);
    expect(isSameDigest(digest, undefined)).toBe(false);
    expect(isSameDigest('0'.repeat(64), undefined)).toBe(false);
  });
});
