import { createHmac, hash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import {
  createSigningKey,
  type SigningKey,
  signToken,
  startIssuer,
  type TestIssuer,
} from '../support/issuer.ts';
import type { RawAnswer } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { outcomeOf, wire } from '../support/wire.ts';

const PEPPER = 'pepper-that-is-long-enough-0123456789abcdef';
const DIGEST_KEY = 'billing-0123456789abcdefghijklmnopqrstuv';
const SHORT_KEY = 'hunter2';

let upstream: RawUpstream;
let discovered: TestIssuer;
let direct: TestIssuer;
let opaque: TestIssuer;
let signing: Record<'discovered' | 'direct' | 'filed', SigningKey>;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  [discovered, direct, opaque] = await Promise.all([startIssuer(), startIssuer(), startIssuer()]);
  signing = {
    discovered: await discovered.newKey('RS256', 'd1'),
    direct: await direct.newKey('ES256', 'u1'),
    filed: await createSigningKey('ES256', 'f1'),
  };
  gateway = await startTestGateway(config(), {
    files: { 'keys.json': JSON.stringify({ keys: [signing.filed.publicJwk] }) },
  });
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all([upstream.close(), discovered.close(), direct.close(), opaque.close()]);
});
beforeEach(() => {
  upstream.requests.length = 0;
});

function config(): ConfigObject {
  return {
    limits: { failedCredentials: '1000/s' },
    tenants: {
      acme: { hosts: ['acme.gw.test'], issuers: ['discovered', 'direct', 'filed', 'opaque'] },
      globex: { hosts: ['globex.gw.test'], issuers: ['direct'] },
    },
    issuers: {
      discovered: { issuer: discovered.url, audience: 'api', keys: 'discover', tenant: { fixed: 'acme' } },
      direct: {
        issuer: direct.url,
        audience: 'api',
        keys: { jwksUri: `${direct.url}/jwks` },
        tenant: { claim: 'tenants' },
      },
      filed: {
        issuer: 'https://filed.test',
        audience: 'api',
        keys: { jwksFile: 'keys.json' },
        tenant: { fixed: 'acme' },
      },
      opaque: {
        issuer: opaque.url,
        audience: 'api',
        introspection: {
          endpoint: `${opaque.url}/introspect`,
          clientId: 'gatehouse',
          clientSecret: 'introspection-secret',
        },
        tenant: { fixed: 'acme' },
      },
    },
    apiKeys: {
      pepper: PEPPER,
      keys: [
        {
          id: 'billing',
          tenant: 'acme',
          name: 'b',
          digest: `sha256:${hash('sha256', DIGEST_KEY)}`,
          scopes: ['read'],
        },
        {
          id: 'short',
          tenant: 'acme',
          name: 's',
          digest: `hmac-sha256:${createHmac('sha256', PEPPER).update(SHORT_KEY).digest('hex')}`,
        },
      ],
    },
    upstreams: {
      api: {
        targets: [upstream.origin],
        identity: {
          fields: {
            'X-Tenant-Id': '{tenant.id}',
            'X-Subject': '{subject}',
            'X-Client-Id': '{client.id}',
            'X-Scopes': '{scopes}',
          },
        },
      },
    },
    routes: [
      { id: 'api', match: { path: '/api/**' }, accept: ['apiKey', 'bearer'], upstream: 'api' },
      {
        id: 'pair',
        match: { path: '/pair' },
        accept: ['apiKey+bearer'],
        require: { scopes: ['read', 'write'] },
        upstream: 'api',
      },
      { id: 'public', match: { path: '/public' }, public: true, upstream: 'api' },
    ],
  };
}

function claims(issuer: string, more: ConfigObject = {}): ConfigObject {
  const now = Math.floor(Date.now() / 1000);
  return { iss: issuer, aud: 'api', sub: 'ann', client_id: 'app', iat: now, exp: now + 300, ...more };
}

const bearer = (token: string) => `Authorization: Bearer ${token}`;
const apiKey = (key: string) => `X-API-Key: ${key}`;

function directToken(more: ConfigObject = {}): Promise<string> {
  return signToken(signing.direct, claims(direct.url, { tenants: ['acme'], ...more }));
}

function opaqueToken(token: string, more: ConfigObject = {}): string {
  opaque.tokens.set(token, { active: true, token_type: 'access_token', ...claims(opaque.url), ...more });
  return token;
}

function ask(fields: readonly string[], path = '/api/x', host?: string): Promise<RawAnswer> {
  return gateway.raw(wire(`GET ${path}`, fields, { ...(host !== undefined && { host }) }));
}

async function outcome(fields: readonly string[], path?: string, host?: string): Promise<string> {
  return outcomeOf(await ask(fields, path, host));
}

/** What the upstream was told, and that it got no credential. */
function told(...secrets: readonly string[]): Record<string, string | undefined> {
  const [request] = upstream.requests;
  for (const secret of secrets) expect(request?.head).not.toContain(secret);
  return {
    tenant: request?.field('x-tenant-id'),
    subject: request?.field('x-subject'),
    client: request?.field('x-client-id'),
  };
}

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

describe('a revocation holds from the very next request on', () => {
  const later = Math.floor(Date.now() / 1000) + 120;

  it.each([
    [
      'the key',
      async () => {
        const { id, key } = await gateway.issueKey('acme');
        return { field: apiKey(key), target: { kind: 'key', id } };
      },
    ],
    [
      'the id of the token',
      async () => ({
        field: bearer(await directToken({ jti: 'token-1' })),
        target: { kind: 'token', issuer: 'direct', jti: 'token-1' },
      }),
    ],
    [
      'the digest of a token without an id',
      async () => {
        const token = await directToken({ jti: undefined, sub: 'dora' });
        const digest = hash('sha256', token.slice(0, token.lastIndexOf('.')));
        return { field: bearer(token), target: { kind: 'tokenDigest', digest } };
      },
    ],
    [
      'the subject',
      async () => ({
        field: bearer(await directToken({ sub: 'bob' })),
        target: { kind: 'subject', subject: 'user:direct:bob' },
      }),
    ],
    [
      'the client',
      async () => ({
        field: bearer(await directToken({ sub: 'cy', client_id: 'shop' })),
        target: { kind: 'client', client: 'client:direct:shop' },
      }),
    ],
    [
      'an introspected subject',
      async () => ({
        field: bearer(opaqueToken('opaque-eve', { sub: 'eve' })),
        target: { kind: 'subject', subject: 'user:opaque:eve' },
      }),
    ],
  ])('of %s, and ends when it is taken back', async (_, prepare) => {
    const { field, target } = await prepare();
    expect(await outcome([field])).toBe('200');
    const { id } = await gateway.admin<{ id: string }>('POST', '/v1/revocations', { target });
    const refused = await ask([field]);
    expect(outcomeOf(refused)).toBe('401 credential_revoked');
    expect((await gateway.auditOf(refused)).reason).toContain(target.kind);
    await gateway.admin('DELETE', `/v1/revocations/${encodeURIComponent(id)}`);
    expect(await outcome([field])).toBe('200');
  });

  it('of a tenant, for keys and tokens alike, and for no other tenant', async () => {
    const { key } = await gateway.issueKey('globex');
    const other = await gateway.issueKey('acme');
    const token = await directToken({ tenants: ['globex'] });
    const { id } = await gateway.admin<{ id: string }>('POST', '/v1/revocations', {
      target: { kind: 'tenant', tenant: 'globex' },
    });
    expect(await outcome([apiKey(key)])).toBe('401 credential_revoked');
    expect(await outcome([bearer(token)])).toBe('401 credential_revoked');
    expect(await outcome([apiKey(other.key)])).toBe('200');
    await gateway.admin('DELETE', `/v1/revocations/${encodeURIComponent(id)}`);
    expect(await outcome([apiKey(key)])).toBe('200');
  });

  it('of all that was issued before an instant, and of nothing issued after it', async () => {
    const old = await directToken({ sub: 'fay', iat: later - 240 });
    const fresh = await directToken({ sub: 'fay', iat: Math.floor(Date.now() / 1000) });
    await gateway.admin('POST', '/v1/revocations', {
      target: { kind: 'subject', subject: 'user:direct:fay' },
      issuedBefore: new Date((later - 200) * 1000).toISOString(),
    });
    expect(await outcome([bearer(old)])).toBe('401 credential_revoked');
    expect(await outcome([bearer(fresh)])).toBe('200');
  });

  it('of a key by its own command, and a rotated key lives on for its overlap only', async () => {
    const { id, key } = await gateway.issueKey('acme');
    const { key: next } = await gateway.admin<{ key: string }>('POST', `/v1/keys/${id}/rotate`, {
      overlap: '1h',
    });
    expect(await outcome([apiKey(key)])).toBe('200');
    expect(await outcome([apiKey(next)])).toBe('200');
    await gateway.admin('POST', `/v1/keys/${id}/revoke`);
    expect(await outcome([apiKey(key)])).toBe('401 credential_revoked');
    expect(await outcome([apiKey(next)])).toBe('200');
  });
});

describe('a tenant of the store', () => {
  it('is there at once when it is made, and its suspension, host and end count at once', async () => {
    expect(await outcome([], '/public', 'newco.test')).toBe('200');
    await gateway.admin('POST', '/v1/tenants', { id: 'newco', hosts: ['newco.test'], issuers: ['direct'] });
    const { key } = await gateway.issueKey('newco');
    const token = await directToken({ tenants: ['newco'] });
    expect(await outcome([apiKey(key)], '/api/x', 'newco.test')).toBe('200');
    expect(await outcome([bearer(token)], '/api/x', 'newco.test')).toBe('200');
    const { key: acme } = await gateway.issueKey('acme');
    expect(await outcome([apiKey(acme)], '/api/x', 'newco.test')).toBe('403 tenant_mismatch');

    await gateway.admin('POST', '/v1/tenants/newco/suspend');
    expect(await outcome([apiKey(key)])).toBe('403 tenant_suspended');
    expect(await outcome([bearer(token)])).toBe('403 tenant_suspended');
    await gateway.admin('POST', '/v1/tenants/newco/resume');
    expect(await outcome([apiKey(key)])).toBe('200');

    await gateway.admin('PATCH', '/v1/tenants/newco', { issuers: [] });
    expect(await outcome([bearer(token)])).toMatch(/^401 credential_invalid$/);
    await gateway.admin('DELETE', '/v1/tenants/newco');
    expect(await outcome([apiKey(key)])).toMatch(/^(401|403) /);
    expect(await outcome([apiKey(acme)], '/api/x', 'newco.test')).toBe('200');
  });

  it('may not take the id or host of another', async () => {
    await expect(gateway.admin('POST', '/v1/tenants', { id: 'acme' })).rejects.toThrow(': 409 ');
    await expect(
      gateway.admin('POST', '/v1/tenants', { id: 'thief', hosts: ['acme.gw.test'] }),
    ).rejects.toThrow(': 409 ');
  });

  it('that a new configuration takes over is left out, and the configured one counts', async () => {
    await gateway.admin('POST', '/v1/tenants', { id: 'moving', hosts: ['moving.test'] });
    const { key } = await gateway.issueKey('moving');
    const { tenants, ...rest } = config();
    const take = (more: ConfigObject) =>
      gateway.writeConfig({ ...rest, tenants: { ...(tenants as ConfigObject), ...more } });
    take({ moving: { status: 'suspended', hosts: ['moving.test'] } });
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'reloaded' });
    expect(await outcome([apiKey(key)])).toBe('403 tenant_suspended');
    expect(gateway.log()).toContain('a stored tenant has the id or a host of another tenant and is left out');
    take({});
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'reloaded' });
    expect(await outcome([apiKey(key)])).toBe('200');
  });
});
