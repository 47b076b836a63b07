import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import { generateApiKey, sha256Digest } from '../../src/api-keys/api-key-format.ts';

export const TENANTS = ['acme', 'globex', 'initech'] as const;
export type TenantName = (typeof TENANTS)[number];

/** What a client presents, and whose it is: the model of who may pass knows no more than this. */
export interface KnownCredential {
  readonly kind: 'apiKey' | 'bearer' | 'session';
  readonly tenant: TenantName;
  readonly value: string;
}

export const SESSION_COOKIE = '__Host-gatehouse';
export const ADMIN_TOKEN = 'gho_fuzz-token-that-is-long-enough-0123456789';
export const PASSWORD = 'fuzz-password-4711-correct-horse';

const ISSUER = 'https://login.fuzz.test';
const AUDIENCE = 'https://api.fuzz.test';

/** Credentials that need no running gateway, and the parts of its configuration that know them. */
export interface PreparedCredentials {
  readonly known: readonly KnownCredential[];
  readonly apiKeys: Readonly<Record<string, unknown>>;
  readonly issuers: Readonly<Record<string, unknown>>;
  readonly clients: Readonly<Record<string, unknown>>;
  readonly jwks: string;
}

export async function prepareCredentials(jwksFile: string): Promise<PreparedCredentials> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const keys = TENANTS.map((tenant) => ({ tenant, ...generateApiKey() }));
  const tokens = await Promise.all(TENANTS.map((tenant) => accessToken(privateKey, tenant)));
  return {
    known: [
      ...keys.map(({ tenant, key }) => ({ kind: 'apiKey' as const, tenant, value: key })),
      ...TENANTS.map((tenant, index) => ({ kind: 'bearer' as const, tenant, value: tokens[index] ?? '' })),
    ],
    apiKeys: {
      keys: keys.map(({ tenant, id, key }) => ({
        id,
        tenant,
        name: 'fuzz',
        digest: `sha256:${sha256Digest(key).hex}`,
      })),
    },
    issuers: {
      login: { issuer: ISSUER, audience: AUDIENCE, keys: { jwksFile }, tenant: { claim: 'tenants' } },
    },
    clients: Object.fromEntries([
      ...TENANTS.map((tenant) => [
        clientOf(tenant),
        {
          secretDigest: `sha256:${createHash('sha256').update(clientSecretOf(tenant)).digest('hex')}`,
          grants: ['client_credentials'],
          tenants: [tenant],
        },
      ]),
      ['web-app', { public: true, tenants: 'any', login: 'legacy', browserSession: true }],
    ]),
    jwks: JSON.stringify({ keys: [jwk] }),
  };
}

export function clientOf(tenant: TenantName): string {
  return `service-${tenant}`;
}

export function clientSecretOf(tenant: TenantName): string {
  return `fuzz-client-secret-of-${tenant}-0123456789`;
}

function accessToken(privateKey: KeyObject, tenant: TenantName): Promise<string> {
  return new SignJWT({ client_id: 'fuzz', tenants: [tenant], jti: `token-of-${tenant}` })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject('user-1')
    .setIssuedAt()
    .setExpirationTime('12h')
    .sign(privateKey);
}
