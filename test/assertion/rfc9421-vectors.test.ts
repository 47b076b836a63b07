import { createPublicKey, createSecretKey, verify } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  componentLine,
  componentList,
  parametersLine,
  structuredString,
} from '../../src/assertion/signature-base.ts';
import { createSignatureKey, hmacSigner } from '../../src/assertion/signature-key.ts';
import { Secret } from '../../src/base/secret.ts';

const folder = path.resolve(import.meta.dirname, '../../../shared/vectors/rfc9421');
const isThere = existsSync(folder);
const text = isThere ? unwrap(readFileSync(path.join(folder, 'appendix-B.md'), 'utf8')) : '';

/** Undoes the line wrapping of RFC 8792 §7. */
function unwrap(wrapped: string): string {
  return wrapped.replace(/\\\n */g, '');
}

function readKey(name: string): string {
  return readFileSync(path.join(folder, 'test/etc', name), 'utf8').trim();
}

/** The signature of the example as the appendix prints it. */
function signatureOf(label: string): string {
  return new RegExp(`^Signature: ${label}=:([^:]+):$`, 'm').exec(text)?.[1] ?? '';
}

function parametersOf(components: readonly string[], keyId: string): string {
  return `${componentList(components)};created=1618884473;keyid=${structuredString(keyId)}`;
}

describe.skipIf(!isThere)(
  `RFC 9421 appendix B${isThere ? '' : ' (skipped: no ../shared/vectors/rfc9421)'}`,
  () => {
    it('B.2.5: the base and its HMAC are those of the example', () => {
      const base =
        componentLine('date', 'Tue, 20 Apr 2021 02:07:55 GMT') +
        componentLine('@authority', 'example.com') +
        componentLine('content-type', 'application/json') +
        parametersLine(parametersOf(['date', '@authority', 'content-type'], 'test-shared-secret'));
      expect(text).toContain(`\n${base}\n`);
      const key = createSecretKey(Buffer.from(readKey('test-shared-secret.txt'), 'base64'));
      expect(hmacSigner(key)(base)).toBe(signatureOf('sig-b25'));
    });

    it('B.2.6: the base and its Ed25519 signature, which is deterministic, are those of the example', () => {
      const components = ['date', '@method', '@path', '@authority', 'content-type', 'content-length'];
      const values = [
        'Tue, 20 Apr 2021 02:07:55 GMT',
        'POST',
        '/foo',
        'example.com',
        'application/json',
        '18',
      ];
      const base =
        components.map((component, index) => componentLine(component, values[index] ?? '')).join('') +
        parametersLine(parametersOf(components, 'test-key-ed25519'));
      expect(text).toContain(`\n${base}\n`);
      const pem = readKey('test-key-ed25519.pem');
      const key = createSignatureKey('ed25519', new Secret(pem));
      if (!key.ok) throw new Error(key.error.expected);
      const signature = key.value(base);
      expect(signature).toBe(signatureOf('sig-b26'));
      expect(verify(null, Buffer.from(base), createPublicKey(pem), Buffer.from(signature, 'base64'))).toBe(
        true,
      );
    });
  },
);
