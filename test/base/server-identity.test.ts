import { X509Certificate } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { checkAlternativeNames } from '../../src/base/server-identity.ts';
import { createCertificateAuthority } from '../support/certificates.ts';

const authority = createCertificateAuthority();
afterAll(() => authority.remove());

const faultOf = (hostname: string, name: string, names: readonly string[]) =>
  checkAlternativeNames(hostname, new X509Certificate(authority.issue(name, names).cert).toLegacyObject());

test('a server is who its alternative names say', () => {
  expect(faultOf('orders.internal', 'a', ['DNS:orders.internal'])).toBeUndefined();
  expect(faultOf('127.0.0.1', 'b', ['IP:127.0.0.1'])).toBeUndefined();
});

test.each([
  ['no alternative name', []],
  ['another alternative name', ['DNS:evil.test']],
  ['an address as its alternative name', ['IP:127.0.0.1']],
])('the common name of its subject proves nothing, with %s', (_, names) => {
  expect(faultOf('orders.internal', 'orders.internal', names)).toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
});
