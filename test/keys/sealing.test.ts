import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import {
  type EncryptionKey,
  encryptionKeyOf,
  parseEncryptionKey,
  readEncryptionKeys,
} from '../../src/keys/encryption-key.ts';
import { describeSealProblem, isSealedByFirst, open, seal } from '../../src/keys/sealing.ts';

const older: EncryptionKey = encryptionKeyOf('older', randomBytes(32));
const newer: EncryptionKey = encryptionKeyOf('newer', randomBytes(32));

describe('sealing', () => {
  it('gives any text back for the record that it was sealed for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (plaintext, record) => {
        expect(open(seal(plaintext, record, [newer, older]), record, [newer, older])).toEqual({
          ok: true,
          value: plaintext,
        });
      }),
    );
  });

  it('shows neither the plaintext nor the same text twice', () => {
    const texts = [1, 2].map(() => seal('correct horse battery', 'record', [newer]));
    expect(texts[0]).not.toBe(texts[1]);
    for (const text of texts) {
      expect(text).toMatch(new RegExp(`^v1\\.${newer.id}\\.[\\w-]{16}\\.[\\w-]+$`));
      expect(Buffer.from(text.split('.')[3] ?? '', 'base64url').toString('latin1')).not.toContain('horse');
    }
  });

  it('opens with any of the keys and tells what the first one has not sealed', () => {
    const sealed = seal('secret', 'record', [older]);
    expect(open(sealed, 'record', [newer, older])).toEqual({ ok: true, value: 'secret' });
    expect(isSealedByFirst(sealed, [newer, older])).toBe(false);
    expect(isSealedByFirst(sealed, [older, newer])).toBe(true);
  });

  it('refuses what was sealed for another record, changed in any byte, or cut', () => {
    const sealed = seal('secret', 'record', [newer]);
    const notAuthentic = { ok: false, error: { kind: 'notAuthentic', keyId: newer.id } };
    expect(open(sealed, 'another record', [newer])).toEqual(notAuthentic);
    const [version, id, iv = '', body = ''] = sealed.split('.');
    for (const part of [iv, body]) {
      const bytes = Buffer.from(part, 'base64url');
      for (let index = 0; index < bytes.length; index += 1) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
        const text = changed.toString('base64url');
        const parts = part === iv ? [version, id, text, body] : [version, id, iv, text];
        expect(open(parts.join('.'), 'record', [newer])).toEqual(notAuthentic);
      }
    }
    for (const text of ['', 'v1', `v2.${newer.id}.${iv}.${body}`, `v1.${newer.id}.${iv}.AAAA`, `${sealed}.x`])
      expect(open(text, 'record', [newer])).toEqual({ ok: false, error: { kind: 'malformed' } });
  });

  it('names the missing key and what to do, and no key material', () => {
    const opened = open(seal('secret', 'record', [older]), 'record', [newer]);
    if (opened.ok) throw new Error('opened without its key');
    expect(describeSealProblem(opened.error, [newer])).toBe(
      `was sealed with the encryption key ${older.id}, which is not there (known: ${newer.id}); add it to encryptionKeys, not as the first one`,
    );
  });
});

describe('encryption keys', () => {
  const bytes = randomBytes(32);

  it('are 32 bytes in hex, base64 or base64url', () => {
    for (const text of [
      bytes.toString('hex'),
      bytes.toString('hex').toUpperCase(),
      bytes.toString('base64'),
      bytes.toString('base64url'),
      `${bytes.toString('base64')}\n`,
    ])
      expect(parseEncryptionKey(text)?.export()).toEqual(bytes);
    for (const text of ['', 'secret', randomBytes(31).toString('hex'), randomBytes(33).toString('base64')])
      expect(parseEncryptionKey(text)).toBeUndefined();
  });

  it('are refused by place, without a trace of the key in the message', () => {
    const read = readEncryptionKeys([
      { id: 'a', key: new Secret(bytes.toString('hex')) },
      { id: 'a', key: new Secret('too-short-secret') },
      { id: 'a.b', key: new Secret(bytes.toString('hex')) },
    ]);
    expect(read).toEqual({
      ok: false,
      error: [
        { path: ['encryptionKeys', 1, 'id'], found: '"a"', expected: 'an id of its own' },
        {
          path: ['encryptionKeys', 1, 'key'],
          found: 'a text of 16 characters',
          expected: '32 bytes, as 64 hex digits or base64',
        },
        {
          path: ['encryptionKeys', 2, 'id'],
          found: '"a.b"',
          expected: 'an id of letters, digits, _ and -, at most 64 characters',
        },
      ],
    });
  });

  it('do not print', () => {
    const read = readEncryptionKeys([{ id: 'a', key: new Secret(bytes.toString('hex')) }]);
    const printed = JSON.stringify(read) + inspect(read, { depth: 10, showHidden: true });
    for (const encoding of ['hex', 'base64', 'base64url'] as const)
      expect(printed).not.toContain(bytes.toString(encoding));
  });
});
