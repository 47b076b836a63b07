import { createHmac, hash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { type ConfigObject, startTestGateway, type TestGateway } from './gateway.ts';
import { createSigningKey, type SigningKey, signToken, startIssuer, type TestIssuer } from './issuer.ts';
import type { RawAnswer } from './raw-client.ts';
import { type RawUpstream, startRawUpstream } from './raw-upstream.ts';
import { outcomeOf, wire } from './wire.ts';

const PEPPER = 'pepper-that-is-long-enough-0123456789abcdef';
export const DIGEST_KEY = 'billing-0123456789abcdefghijklmnopqrstuv';
export const SHORT_KEY = 'hunter2';

export let upstream: RawUpstream;
export let discovered: TestIssuer;
export let direct: TestIssuer;
export let opaque: TestIssuer;
export let signing: Record<'discovered' | 'direct' | 'filed', SigningKey>;
export let gateway: TestGateway;

/** Opens it all before the tests of a file, and closes it after them. */
export function useCredentialScene(): void {
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
}

export function config(): ConfigObject {
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

export function claims(issuer: string, more: ConfigObject = {}): ConfigObject {
  const now = Math.floor(Date.now() / 1000);
  return { iss: issuer, aud: 'api', sub: 'ann', client_id: 'app', iat: now, exp: now + 300, ...more };
}

export const bearer = (token: string) => `Authorization: Bearer ${token}`;
export const apiKey = (key: string) => `X-API-Key: ${key}`;

export function directToken(more: ConfigObject = {}): Promise<string> {
  return signToken(signing.direct, claims(direct.url, { tenants: ['acme'], ...more }));
}

export function opaqueToken(token: string, more: ConfigObject = {}): string {
  opaque.tokens.set(token, { active: true, token_type: 'access_token', ...claims(opaque.url), ...more });
  return token;
}

export function ask(fields: readonly string[], path = '/api/x', host?: string): Promise<RawAnswer> {
  return gateway.raw(wire(`GET ${path}`, fields, { ...(host !== undefined && { host }) }));
}

export async function outcome(fields: readonly string[], path?: string, host?: string): Promise<string> {
  return outcomeOf(await ask(fields, path, host));
}

/** What the upstream was told, and that it got no credential. */
export function told(...secrets: readonly string[]): Record<string, string | undefined> {
  const [request] = upstream.requests;
  for (const secret of secrets) expect(request?.head).not.toContain(secret);
  return {
    tenant: request?.field('x-tenant-id'),
    subject: request?.field('x-subject'),
    client: request?.field('x-client-id'),
  };
}
