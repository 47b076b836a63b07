import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  timingSafeEqual,
  verify as verifyBytes,
} from 'node:crypto';
import { type Verifier, verifySignature } from 'http-message-sig';
import { parseDictionary } from 'structured-headers';
import { beforeAll, describe, expect, it } from 'vitest';
import type { IdentityContext, IdentityWriter } from '../../src/assertion/identity.ts';
import { createIdentityWriter } from '../../src/assertion/identity-writer.ts';
import { contextOf, NOW, pairsOf, principalOf, tenantIdOf, upstreamOf, valueOf } from './upstream.ts';

const SECRET = 'an-hmac-secret-of-more-than-32-bytes';
const ed25519 = generateKeyPairSync('ed25519');
const PEM = String(ed25519.privateKey.export({ type: 'pkcs8', format: 'pem' }));

const FIELDS = { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{user.id}', 'X-User-Roles': '{roles}' };
const COVERED = ['@method', '@authority', '@path', '@query', 'x-tenant-id', 'x-user-id', 'x-user-roles'];

const hmacVerifier: Verifier = {
  algorithm: 'hmac-sha256',
  verify: (base, signature) =>
    timingSafeEqual(createHmac('sha256', SECRET).update(base).digest(), Buffer.from(signature)),
};
const ed25519Verifier: Verifier = {
  algorithm: 'ed25519',
  verify: (base, signature) => verifyBytes(null, base, createPublicKey(ed25519.privateKey), signature),
};

function writerOf(signature: object = {}): IdentityWriter {
  const keys = [{ id: 's1', secret: SECRET }];
  const { identity, credentials } = upstreamOf({
    identity: { fields: FIELDS, signature: { algorithm: 'hmac-sha256', keys, ...signature } },
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
  if (!writer.ok) throw new Error(JSON.stringify(writer.error));
  return writer.value;
}

function write(context: IdentityContext, writer = writerOf()): string[] {
  const fields: string[] = [];
  writer.write(context, fields);
  return fields;
}

/** What an upstream does: rebuilds the base from the request that it got, with another implementation of RFC 9421. */
function verify(
  message: Pick<IdentityContext, 'method' | 'authority' | 'path' | 'query' | 'contentDigest'>,
  fields: readonly string[],
  { now = NOW, verifier = hmacVerifier, components = COVERED } = {},
) {
  const query = message.query === '' ? '' : `?${message.query}`;
  const digest = message.contentDigest;
  return verifySignature(
    {
      kind: 'request',
      method: message.method,
      targetUri: `http://${message.authority}${message.path}${query}`,
      fields: [
        ...pairsOf(fields),
        ...(digest === undefined ? [] : [{ name: 'Content-Digest', value: digest }]),
      ],
    },
    {
      label: 'gatehouse',
      policy: {
        algorithms: [verifier.algorithm],
        requiredComponents: components,
        requiredParameters: ['created', 'expires', 'keyid', 'nonce', 'alg'],
        now: now / 1000,
      },
      resolveVerifier: () => verifier,
    },
  );
}

describe('the request signature', () => {
  it('verifies with another implementation, by HMAC and by Ed25519', async () => {
    const context = contextOf();
    const verified = await verify(context, write(context));
    expect(verified.components.map(({ name }) => name)).toEqual(COVERED);
    expect(verified.parameters).toEqual({
      created: NOW / 1000,
      expires: NOW / 1000 + 60,
      nonce: expect.stringMatching(/^[\w-]{22}$/),
      keyid: 's1',
      alg: 'hmac-sha256',
    });
    const writer = writerOf({ algorithm: 'ed25519', keys: [{ id: 'e1', secret: PEM }], ttl: '5s' });
    const signed = await verify(context, write(context, writer), { verifier: ed25519Verifier });
    expect(signed.parameters.expires).toBe(NOW / 1000 + 5);
  });

  describe('T19: captured and replayed, it does not verify', () => {
    let fields: string[];
    const context = contextOf();
    beforeAll(() => {
      fields = write(context);
    });

    it.each<[string, Partial<IdentityContext>]>([
      ['with another method', { method: 'DELETE' }],
      ['at another host', { authority: 'billing.internal:8080' }],
      ['on another path', { path: '/api/orders/2' }],
      ['with another query', { query: 'expand=all' }],
      ['without its query', { query: '' }],
    ])('%s', async (_, change) => {
      await expect(verify({ ...context, ...change }, fields)).rejects.toThrow(
        'Signature verification failed',
      );
    });

    it.each([
      ['X-Tenant-Id', 'globex'],
      ['X-User-Id', '1'],
      ['X-User-Roles', 'admin'],
      ['X-User-Roles', ''],
    ])('with %s: %s', async (name, value) => {
      const changed = fields.map((each, index) => (fields[index - 1] === name ? value : each));
      await expect(verify(context, changed)).rejects.toThrow('Signature verification failed');
      await expect(verify(context, [...fields, name, value])).rejects.toThrow(
        'Signature verification failed',
      );
    });

    it('after its time', async () => {
      await expect(verify(context, fields, { now: NOW + 61_000 })).rejects.toThrow(/expired/i);
    });

    it('with another key, time, nonce or list of components in its parameters', async () => {
      const input = valueOf(fields, 'Signature-Input') ?? '';
      for (const changed of [
        input.replace('"s1"', '"s2"'),
        input.replace(`expires=${NOW / 1000 + 60}`, `expires=${NOW / 1000 + 600}`),
        input.replace(/nonce="./, (begun) => `nonce="${begun.endsWith('_') ? 'a' : '_'}`),
        input.replace(' "x-user-roles"', ''),
      ]) {
        const replaced = fields.map((each) => (each === input ? changed : each));
        await expect(verify(context, replaced, { components: ['@method'] })).rejects.toThrow(
          'Signature verification failed',
        );
      }
    });
  });

  it('covers an identity field that has no value as an empty one, so that nobody can add it', async () => {
    const context = contextOf({ principal: principalOf({ kind: 'key', roles: new Set() }) });
    const fields = write(context);
    expect(valueOf(fields, 'X-User-Roles')).toBe('');
    await verify(context, fields);
    const added = fields.map((each, index) => (fields[index - 1] === 'X-User-Roles' ? 'admin' : each));
    await expect(verify(context, added)).rejects.toThrow('Signature verification failed');
  });

  it('on a public route binds the request, and neither sends nor covers a field of identity', async () => {
    const context = contextOf({ principal: undefined });
    const fields = write(context);
    expect(pairsOf(fields).map(({ name }) => name)).toEqual(['Signature-Input', 'Signature']);
    await verify(context, fields, { components: ['@method', '@authority', '@path', '@query'] });
  });

  it('binds the body through the client’s Content-Digest, where it sent one', async () => {
    const context = contextOf({
      method: 'POST',
      contentDigest: 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
    });
    const fields = write(context);
    await verify(context, fields, { components: [...COVERED, 'content-digest'] });
    const other = { ...context, contentDigest: 'sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:' };
    await expect(verify(other, fields)).rejects.toThrow('Signature verification failed');
  });

  it('verifies for odd targets too: no query, an upper-case host, quotes in the path', async () => {
    for (const change of [
      { query: '' },
      { authority: 'Orders.Internal:8080' },
      { path: `/a'b"c%2f;d` },
      { query: 'a=?&b=%0A"' },
    ]) {
      const context = contextOf(change);
      await verify(context, write(context));
    }
  });

  it('writes any key id as a structured string that can be read back', () => {
    const id = 'quote " and \\ backslash';
    const input =
      valueOf(write(contextOf(), writerOf({ keys: [{ id, secret: SECRET }] })), 'Signature-Input') ?? '';
    expect(parseDictionary(input).get('gatehouse')?.[1].get('keyid')).toBe(id);
  });

  it('never uses a nonce twice', () => {
    const writer = writerOf();
    const nonces = Array.from(
      { length: 2000 },
      () => /nonce="([^"]+)"/.exec(valueOf(write(contextOf(), writer), 'Signature-Input') ?? '')?.[1],
    );
    expect(nonces).not.toContain(undefined);
    expect(new Set(nonces).size).toBe(2000);
  });

  it('signs with the first key', async () => {
    const writer = writerOf({
      keys: [
        { id: 'new', secret: SECRET },
        { id: 'old', secret: `${SECRET}-old` },
      ],
    });
    expect((await verify(contextOf(), write(contextOf(), writer))).parameters.keyid).toBe('new');
  });

  it('is another for each tenant', async () => {
    const globex = contextOf({ tenant: { id: tenantIdOf('globex'), name: 'Globex', credentials: {} } });
    const fields = write(globex);
    await verify(globex, fields);
    expect(valueOf(fields, 'X-Tenant-Id')).toBe('globex');
  });
});
