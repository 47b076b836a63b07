import { createHmac, timingSafeEqual } from 'node:crypto';
import fc from 'fast-check';
import { type Verifier, verifySignature } from 'http-message-sig';
import { expect, it } from 'vitest';
import { createIdentityWriter } from '../../src/assertion/identity-writer.ts';
import { contextOf, NOW, pairsOf, principalOf, upstreamOf } from './upstream.ts';

const SECRET = 'an-hmac-secret-of-more-than-32-bytes';
const verifier: Verifier = {
  algorithm: 'hmac-sha256',
  verify: (base, signature) =>
    timingSafeEqual(createHmac('sha256', SECRET).update(base).digest(), Buffer.from(signature)),
};

const { identity, credentials } = upstreamOf({
  identity: {
    fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{user.id}', 'X-User-Roles': '{roles}' },
    signature: { algorithm: 'hmac-sha256', keys: [{ id: 's1', secret: SECRET }] },
  },
});
const writer = createIdentityWriter({
  upstream: 'orders',
  identity,
  credentials,
  issuer: 'https://api.example.com',
  keyring: {
    signer() {
      throw new Error('not needed');
    },
  },
  metrics: { cacheLookup() {} },
});

/** Bytes of a target that a URL parser leaves as they are: what is verified is what was sent. */
const segment = fc.stringMatching(/^[A-Za-z0-9\-_~!$&'()*+,;=:@]{1,12}$/);
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
const query = fc.stringMatching(/^[A-Za-z0-9\-_~!$&()*+,;=:@/?]{0,20}$/);

it('whatever the request and the user, its signature is one to another implementation, and to no other request', async () => {
  if (!writer.ok) throw new Error(JSON.stringify(writer.error));
  const { value } = writer;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'POST', 'DELETE', 'M-SEARCH'),
      path,
      query,
      fc.oneof(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.constantFrom('"', '\\', '%', ',', ' a ', 'é'),
      ),
      fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), { maxLength: 3 }),
      async (method, sent, asked, userId, roles) => {
        const context = contextOf({
          method,
          path: sent,
          query: asked,
          principal: principalOf({ userId, roles: new Set(roles) }),
        });
        const fields: string[] = [];
        value.write(context, fields);
        const verify = (target: string) =>
          verifySignature(
            {
              kind: 'request',
              method,
              targetUri: `http://${context.authority}${target}${asked === '' ? '' : `?${asked}`}`,
              fields: pairsOf(fields),
            },
            {
              label: 'gatehouse',
              policy: {
                algorithms: ['hmac-sha256'],
                requiredComponents: ['@method', '@authority', '@path', '@query', 'x-tenant-id', 'x-user-id'],
                requiredParameters: ['created', 'expires', 'keyid', 'nonce', 'alg'],
                now: NOW / 1000,
              },
              resolveVerifier: () => verifier,
            },
          );
        expect((await verify(sent)).parameters.keyid).toBe('s1');
        await expect(verify(`${sent}x`)).rejects.toThrow('Signature verification failed');
      },
    ),
    { numRuns: 120 },
  );
});
