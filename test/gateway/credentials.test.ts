import { describe, expect, it } from 'vitest';
import {
  apiKey,
  bearer,
  claims,
  DIGEST_KEY,
  directToken,
  discovered,
  gateway,
  opaqueToken,
  outcome,
  SHORT_KEY,
  signing,
  told,
  upstream,
  useCredentialScene,
} from '../support/credential-scene.ts';
import { signToken } from '../support/issuer.ts';

useCredentialScene();

describe('a credential that is in order reaches the upstream as an identity, and never itself', () => {
  it('an issued key, in its field and as Authorization: ApiKey', async () => {
    const { id, key } = await gateway.issueKey('acme');
    for (const field of [apiKey(key), `Authorization: ApiKey ${key}`]) {
      upstream.requests.length = 0;
      expect(await outcome([field])).toBe('200');
      expect(told(key)).toEqual({ tenant: 'acme', subject: `key:${id}`, client: id });
    }
  });

  it('a legacy key of any shape, once it is imported', async () => {
    const key = 'ACME Corp. #4711/b';
    expect(await outcome([apiKey(key)])).toBe('401 credential_invalid');
    await gateway.admin('POST', '/v1/keys/import', { tenant: 'globex', name: 'old', id: 'corp', key });
    expect(await outcome([apiKey(key)])).toBe('200');
    expect(told(key)).toEqual({ tenant: 'globex', subject: 'key:corp', client: 'corp' });
  });

  it.each([
    ['sha256', DIGEST_KEY, 'billing'],
    ['hmac-sha256 under the pepper', SHORT_KEY, 'short'],
  ])('a key whose digest stands in the configuration, by %s', async (_, key, id) => {
    expect(await outcome([apiKey(key)])).toBe('200');
    expect(told(key)).toEqual({ tenant: 'acme', subject: `key:${id}`, client: id });
    expect(await outcome([apiKey(`${key}x`)])).toBe('401 credential_invalid');
  });

  it.each([
    ['by discovery', 'discovered', () => signToken(signing.discovered, claims(discovered.url))],
    ['from a URL', 'direct', () => directToken()],
    ['from a file', 'filed', () => signToken(signing.filed, claims('https://filed.test'))],
    ['nowhere, since it is introspected', 'opaque', () => Promise.resolve(opaqueToken('opaque-1'))],
  ])('a token of an issuer whose keys come %s', async (_, issuer, make) => {
    const token = await make();
    expect(await outcome([bearer(token)])).toBe('200');
    expect(told(token)).toEqual({ tenant: 'acme', subject: `user:${issuer}:ann`, client: 'app' });
  });

  it('nothing at all, on a public route', async () => {
    expect(await outcome([], '/public')).toBe('200');
    expect(told()).toEqual({ tenant: undefined, subject: undefined, client: undefined });
  });
});

describe('a pair of key and token', () => {
  it('names the user by the token and the client by the key, with the scopes that both have', async () => {
    const { id, key } = await gateway.issueKey('acme', { scopes: ['read', 'write', 'delete'] });
    const token = await directToken({ scope: 'write read admin' });
    expect(await outcome([apiKey(key), bearer(token)], '/pair')).toBe('200');
    expect(told(key, token)).toEqual({ tenant: 'acme', subject: 'user:direct:ann', client: id });
  });

  it.each([
    ['the key lacks a scope', ['read'], 'read write', ['acme'], '403 insufficient_scope'],
    ['the token lacks a scope', ['read', 'write'], 'read', ['acme'], '403 insufficient_scope'],
    ['their tenants disagree', ['read', 'write'], 'read write', ['globex'], '403 tenant_mismatch'],
  ])('is refused where %s', async (_, scopes, scope, tenants, expected) => {
    const { key } = await gateway.issueKey('acme', { scopes });
    const token = await directToken({ scope, tenants });
    expect(await outcome([apiKey(key), bearer(token)], '/pair')).toBe(expected);
    expect(upstream.requests).toHaveLength(0);
  });

  it('is refused with one of the two missing or revoked, and where the route wants one alone', async () => {
    const { id, key } = await gateway.issueKey('acme', { scopes: ['read', 'write'] });
    const token = await directToken({ scope: 'read write' });
    expect(await outcome([apiKey(key)], '/pair')).toMatch(/^401 credential_(missing|invalid)$/);
    expect(await outcome([bearer(token)], '/pair')).toMatch(/^401 credential_(missing|invalid)$/);
    expect(await outcome([apiKey(key), bearer(token)])).toBe('400 credential_ambiguous');
    await gateway.admin('POST', `/v1/keys/${id}/revoke`);
    expect(await outcome([apiKey(key), bearer(token)], '/pair')).toBe('401 credential_revoked');
    expect(upstream.requests).toHaveLength(0);
  });

  it('selects among the tenants of the token by the tenant of the key', async () => {
    const { key } = await gateway.issueKey('globex', { scopes: ['read', 'write'] });
    const token = await directToken({ scope: 'read write', tenants: ['acme', 'globex'] });
    expect(await outcome([apiKey(key), bearer(token)], '/pair')).toBe('200');
    expect(told().tenant).toBe('globex');
  });
});

describe('a credential whose time is over', () => {
  it('is told so: a key, a token, and an introspected token', async () => {
    const past = new Date(Date.now() + 1_000).toISOString();
    const { key } = await gateway.issueKey('acme', { expiresAt: past });
    expect(await outcome([apiKey(key)])).toBe('200');
    const over = Math.floor(Date.now() / 1000) - 60;
    const token = await directToken({ iat: over - 60, exp: over });
    expect(await outcome([bearer(token)])).toBe('401 credential_expired');
    opaqueToken('opaque-over', { exp: over });
    expect(await outcome([bearer('opaque-over')])).toMatch(/^401 credential_(expired|invalid)$/);
    // Remembered from its first use, and dead at its end all the same.
    await new Promise((resolve) => setTimeout(resolve, Date.parse(past) - Date.now()));
    expect(await outcome([apiKey(key)])).toBe('401 credential_expired');
  });
});
