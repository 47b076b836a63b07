import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { exportJWK, SignJWT } from 'jose';
import { stringify } from 'yaml';
import { generateApiKey, sha256Digest } from '../../src/api-keys/api-key-format.ts';
import { createSessionService } from '../../src/sessions/sessions.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { TenantId } from '../../src/tenants/tenant.ts';
import { type FieldChanges, PUBLIC_HOST } from '../load/request.ts';
import type { GatehouseVariant, PrepareGatehouse } from './gatehouse.ts';
import type { Surroundings } from './target.ts';
import { BENCH_KEY, loginOf, SESSION_COOKIE, SILENT, USERS_CONFIG } from './user-session.ts';

const TENANT = 'acme';
const ISSUER = 'https://login.acme.example';
const AUDIENCE = 'https://api.example.com';
const KEY_ID = 'login-2026-11';
const ROLES = ['clerk', 'auditor'];
const SCOPES = ['orders:read', 'orders:write'];
const TEN_YEARS_SECONDS = 10 * 365 * 24 * 3600;

/** For `bearer-cold`: so few tokens are remembered that each is forgotten again before its next turn. */
const REMEMBERED = 100;
const COLD_TOKENS = 1000;

const ACCEPTED = { apiKey: 'apiKey', bearer: 'bearer', coldBearer: 'bearer', session: 'session' } as const;

type ConfigPart = Readonly<Record<string, unknown>>;

interface Credentials {
  readonly config: ConfigPart;
  readonly requests: readonly FieldChanges[];
}

function apiKeyCredentials(): Credentials {
  const { id, key } = generateApiKey();
  const digest = `sha256:${sha256Digest(key).hex}`;
  return {
    config: {
      apiKeys: { keys: [{ id, tenant: TENANT, name: 'Orders sync', digest, roles: ROLES, scopes: SCOPES }] },
    },
    requests: [{ 'X-Api-Key': key }],
  };
}

/** An RFC 9068 access token of about 490 bytes. */
function accessToken(privateKey: KeyObject, serial: number): Promise<string> {
  return new SignJWT({
    client_id: 'orders-sync',
    jti: `${serial}`.padStart(22, 'x'),
    roles: ROLES,
    scope: SCOPES.join(' '),
  })
    .setProtectedHeader({ alg: 'ES256', kid: KEY_ID, typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject('auth0|9007199254740993')
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + TEN_YEARS_SECONDS)
    .sign(privateKey);
}

async function bearerCredentials(folder: string, tokens: number): Promise<Credentials> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwksFile = path.join(folder, 'jwks.json');
  const jwk = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'ES256', use: 'sig' };
  await writeFile(jwksFile, JSON.stringify({ keys: [jwk] }));
  const requests: FieldChanges[] = [];
  for (let serial = 0; serial < tokens; serial += 1) {
    const token = await accessToken(privateKey, serial);
    requests.push({ 'X-Api-Key': null, Authorization: `Bearer ${token}` });
  }
  return {
    config: {
      issuers: {
        login: { issuer: ISSUER, audience: AUDIENCE, keys: { jwksFile }, tenant: { fixed: TENANT } },
      },
    },
    requests,
  };
}

/** A session that is in the store before the gateway starts. */
async function sessionCredentials(folder: string): Promise<Credentials> {
  const store = path.join(folder, 'gatehouse.db');
  const stores = openEmbeddedStore({ path: store, clock: Date.now });
  const service = createSessionService({
    sessions: stores.sessions,
    encryptionKeys: BENCH_KEY.keys,
    clock: Date.now,
    log: SILENT,
  });
  const { cookie } = await service.begin(loginOf(17, TENANT as TenantId, PUBLIC_HOST));
  await stores.close();
  return {
    config: { ...USERS_CONFIG, store: { embedded: { path: store } }, encryptionKeys: [BENCH_KEY.setting] },
    requests: [{ 'X-Api-Key': null, Cookie: `${SESSION_COOKIE}=${cookie?.reveal()}` }],
  };
}

async function credentialsOf(variant: GatehouseVariant, folder: string): Promise<Credentials> {
  switch (variant.credential) {
    case 'apiKey':
      return apiKeyCredentials();
    case 'bearer':
      return await bearerCredentials(folder, 1);
    case 'session':
      return await sessionCredentials(folder);
    case 'coldBearer': {
      const cold = await bearerCredentials(folder, COLD_TOKENS);
      return { ...cold, config: { ...cold.config, apiKeys: { cache: { entries: REMEMBERED } } } };
    }
  }
}

function identityOf({ identity }: GatehouseVariant): ConfigPart {
  const fields = { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{subject}', 'X-User-Roles': '{roles}' };
  switch (identity) {
    case 'fields':
      return { fields };
    case 'assertion':
      return { fields, assertion: {} };
    case 'signature': {
      const secret = randomBytes(32).toString('hex');
      return { fields, signature: { algorithm: 'hmac-sha256', keys: [{ id: 's1', secret }] } };
    }
  }
}

function configOf(
  variant: GatehouseVariant,
  { port, upstreamPort }: Surroundings,
  credentials: ConfigPart,
): ConfigPart {
  return {
    listen: { public: `127.0.0.1:${port}`, admin: '127.0.0.1:0', ops: '127.0.0.1:0' },
    publicUrl: AUDIENCE,
    store: { embedded: { path: ':memory:' } },
    admin: { tokens: [{ name: 'bench', token: randomBytes(24).toString('hex'), role: 'operator' }] },
    tenants: { [TENANT]: ACCEPTED[variant.credential] === 'bearer' ? { issuers: ['login'] } : {} },
    ...credentials,
    upstreams: {
      api: {
        targets: [`http://127.0.0.1:${upstreamPort}`],
        identity: identityOf(variant),
        ...(variant.credential === 'session' && { credentials: { cookies: 'fromLogin' } }),
      },
    },
    routes: [
      { id: 'status', match: { path: '/status' }, public: true, upstream: 'api' },
      {
        id: 'api',
        match: { path: '/api/**' },
        accept: [ACCEPTED[variant.credential]],
        require: { scopes: ['orders:read'] },
        upstream: 'api',
      },
    ],
  };
}

/** A small but whole configuration: everything that it does not name has its default, the log and its level too. */
export const prepareGatehouse: PrepareGatehouse = async (variant, surroundings) => {
  const { config, requests } = await credentialsOf(variant, surroundings.folder);
  return { config: stringify(configOf(variant, surroundings, config)), requests };
};
