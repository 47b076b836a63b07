import { createSecretKey } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { generateApiKey, pepperedDigest, sha256Digest } from '../../src/api-keys/api-key-format.ts';
import { Secret } from '../../src/base/secret.ts';
import { apiKeyId, issueKey, storedKey } from '../support/api-keys.ts';
import {
  type AuthenticationOptions,
  type OpenAuthentication,
  openAuthentication,
  principalOf,
  refusalOf,
  tenant,
} from '../support/authentication.ts';
import { signToken } from '../support/issuer.ts';
import { openTokenBench } from '../support/token-bench.ts';

const PEPPER = 'a pepper of more than thirty-two bytes';

let opened: OpenAuthentication | undefined;

function open(options: AuthenticationOptions = {}): OpenAuthentication {
  opened = openAuthentication(options);
  return opened;
}

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

describe('authentication', () => {
  it('answers at once, and with the very same principal, where a credential is remembered', async () => {
    const gate = open();
    const { key } = await issueKey(gate.stores.apiKeys);
    const credential = { kind: 'apiKey', value: new Secret(key) } as const;
    const first = gate.authentication.authenticate(credential, gate.time.now);
    expect(first).toBeInstanceOf(Promise);
    const principal = principalOf(await first);
    const second = gate.authentication.authenticate(credential, gate.time.now);
    expect(second).toEqual({ ok: true, value: principal });
    expect('value' in second && second.value).toBe(principal);
    expect(gate.metrics.counts.filter((count) => count.startsWith('cacheLookup'))).toEqual([
      'cacheLookup apiKey miss',
      'cacheLookup apiKey hit',
    ]);
    expect(gate.authentication.status().cachedCredentials).toBe(1);
  });

  it('makes a principal of an API key', async () => {
    const gate = open();
    const { id, key } = await issueKey(gate.stores.apiKeys, {
      scopes: ['a', 'b'],
      roles: ['r'],
      tenant: tenant('globex'),
      expiresAt: gate.time.now + 1,
    });
    expect(principalOf(await gate.apiKey(key))).toEqual({
      kind: 'key',
      subject: `key:${id}`,
      client: `key:${id}`,
      clientId: id,
      tenants: ['globex'],
      scopes: new Set(['a', 'b']),
      roles: new Set(['r']),
      profile: {},
      method: 'apiKey',
      issuedAt: 1_000,
      expiresAt: gate.time.now + 1,
      credentialId: `key:${id}`,
      revocationIds: [`key:${id}`, `subject:key%3A${id}`, `client:key%3A${id}`],
    });
  });

  it('makes a principal of a JWT by the claims that are configured', async () => {
    const bench = await openTokenBench();
    await bench.reopen({
      claims: {
        subject: 'uid',
        client: 'azp',
        roles: 'realm_access.roles',
        scopes: 'https://example.com/scopes',
        profile: { name: 'name', city: 'address.city', missing: 'nickname' },
      },
    });
    const claims = bench.claims({
      uid: 'u-1',
      azp: 'app',
      realm_access: { roles: ['admin', 'clerk'] },
      'https://example.com/scopes': ['x', 'y'],
      name: 'Eve',
      address: { city: 'Bonn' },
      auth_time: 7,
      jti: 'j1',
    });
    expect(principalOf(await bench.gate.bearer(await signToken(bench.key, claims)))).toEqual({
      kind: 'user',
      subject: 'user:login:u-1',
      userId: 'u-1',
      client: 'client:login:app',
      clientId: 'app',
      tenants: ['acme'],
      scopes: new Set(['x', 'y']),
      roles: new Set(['admin', 'clerk']),
      profile: { name: 'Eve', city: 'Bonn' },
      method: 'jwt',
      authenticatedAt: 7,
      issuedAt: Number(claims['iat']) * 1000,
      expiresAt: Number(claims['exp']) * 1000,
      credentialId: 'token:login:j1',
      revocationIds: ['token:login:j1', 'subject:user%3Alogin%3Au-1', 'client:client%3Alogin%3Aapp'],
    });
    await bench.close();
  });

  it('keeps clients and users apart: a token whose subject is its client is the client', async () => {
    const bench = await openTokenBench();
    const client = principalOf(
      await bench.gate.bearer(await signToken(bench.key, bench.claims({ sub: '4711', client_id: '4711' }))),
    );
    expect([client.kind, client.subject, client.userId]).toEqual(['client', 'client:login:4711', undefined]);
    const user = principalOf(
      await bench.gate.bearer(await signToken(bench.key, bench.claims({ sub: '4711', client_id: 'app' }))),
    );
    expect([user.kind, user.subject, user.userId]).toEqual(['user', 'user:login:4711', '4711']);
    await bench.close();
  });

  it.each([
    ['sub', ''],
    ['sub', 7],
    ['sub', undefined],
    ['sub', 'x'.repeat(257)],
    ['client_id', ''],
    ['client_id', {}],
    ['roles', 7],
    ['roles', [7]],
    ['scope', { a: 1 }],
    ['jti', 7],
    ['jti', 'x'.repeat(257)],
    ['auth_time', 'yesterday'],
  ])('refuses a token whose %s is %j', async (claim, value) => {
    const bench = await openTokenBench();
    await bench.expectInvalid(
      await signToken(bench.key, bench.claims({ [claim]: value })),
      /is not|no subject|neither/,
    );
    await bench.close();
  });
});

describe('keys of the configuration', () => {
  const issued = generateApiKey();
  const legacy = 'ACME-4711';
  const keys = [
    {
      id: issued.id,
      tenant: 'acme',
      name: 'ERP',
      digest: `sha256:${sha256Digest(issued.key).hex}`,
      expires: '2100-01-01',
    },
    {
      id: 'guid',
      tenant: 'acme',
      name: 'GUID',
      digest: `sha256:${sha256Digest('6fd2b1c0-0f6c-4b6e-9d25-0f4f3c9f1d11').hex}`,
    },
    {
      id: 'legacy',
      tenant: 'globex',
      name: 'Legacy',
      digest: `hmac-sha256:${pepperedDigest(legacy, createSecretKey(Buffer.from(PEPPER))).hex}`,
      scopes: ['s'],
    },
    {
      id: 'over',
      tenant: 'acme',
      name: 'Over',
      digest: `sha256:${sha256Digest('over').hex}`,
      expires: '2020-01-01',
    },
  ];

  it('are admitted, of any shape', async () => {
    const gate = open({ apiKeys: { pepper: PEPPER, keys } });
    expect(principalOf(await gate.apiKey(issued.key)).expiresAt).toBe(Date.parse('2100-01-01'));
    expect(principalOf(await gate.apiKey('6fd2b1c0-0f6c-4b6e-9d25-0f4f3c9f1d11')).subject).toBe('key:guid');
    expect(principalOf(await gate.apiKey(legacy)).tenants).toEqual(['globex']);
    expect(refusalOf(await gate.apiKey('over')).code).toBe('credential_expired');
    expect(refusalOf(await gate.apiKey('ACME-4712')).code).toBe('credential_invalid');
  });

  it('that are legacy ones are not found without their pepper', async () => {
    expect(refusalOf(await open({ apiKeys: { keys } }).apiKey(legacy)).code).toBe('credential_invalid');
  });

  it('do not hide a key of the store that has the same id', async () => {
    const gate = open({ apiKeys: { keys } });
    const other = generateApiKey();
    await gate.stores.apiKeys.create(storedKey(other.id, sha256Digest(other.key)));
    expect((await gate.apiKey(other.key)).ok).toBe(true);
    expect((await gate.apiKey(issued.key)).ok).toBe(true);
  });
});

describe('imported keys', () => {
  it('are found by their digest, peppered or plain', async () => {
    const gate = open({ apiKeys: { pepper: PEPPER } });
    const pepper = createSecretKey(Buffer.from(PEPPER));
    await gate.stores.apiKeys.create(
      storedKey(apiKeyId('short'), pepperedDigest('1234', pepper), { origin: 'imported' }),
    );
    await gate.stores.apiKeys.create(
      storedKey(apiKeyId('long'), sha256Digest('d6f9e0a1b2c3'), { origin: 'imported' }),
    );
    expect(principalOf(await gate.apiKey('1234')).subject).toBe('key:short');
    expect(principalOf(await gate.apiKey('d6f9e0a1b2c3')).subject).toBe('key:long');
    expect(refusalOf(await gate.apiKey('1235')).reason).toBe('API key is unknown');
  });

  it('are revoked like any other', async () => {
    const gate = open({ apiKeys: { pepper: PEPPER } });
    await gate.stores.apiKeys.create(
      storedKey(apiKeyId('short'), pepperedDigest('1234', createSecretKey(Buffer.from(PEPPER)))),
    );
    expect((await gate.apiKey('1234')).ok).toBe(true);
    await gate.stores.apiKeys.revoke(apiKeyId('short'), gate.time.now);
    expect(refusalOf(await gate.apiKey('1234')).code).toBe('credential_revoked');
  });
});
