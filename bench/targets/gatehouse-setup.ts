import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { generateApiKey, sha256Digest } from '../../src/api-keys/api-key-format.ts';
import { createSessionService } from '../../src/sessions/sessions.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { TenantId } from '../../src/tenants/tenant.ts';
import { type FieldChanges, PUBLIC_HOST } from '../load/request.ts';
import { AUDIENCE, createTokenIssuer, ROLES, SCOPES, TENANT } from './access-token.ts';
import type { GatehouseSetup, GatehouseVariant, PrepareGatehouse } from './gatehouse.ts';
import type { Surroundings } from './target.ts';
import { BENCH_KEY, loginOf, SESSION_COOKIE, SILENT, USERS_CONFIG } from './user-session.ts';

const ISSUER = 'https://login.acme.example';

/** For `bearer-cold`: so few tokens are remembered that each is forgotten again before its next turn. */
const REMEMBERED = 100;
const COLD_TOKENS = 1000;

const ACCEPTED = { apiKey: 'apiKey', bearer: 'bearer', coldBearer: 'bearer', session: 'session' } as const;

type ConfigPart = Readonly<Record<string, unknown>>;

interface Credentials extends Pick<GatehouseSetup, 'requests' | 'refused'> {
  readonly config: ConfigPart;
}

function apiKeyCredentials(): Credentials {
  const { id, key } = generateApiKey();
  const digest = `sha256:${sha256Digest(key).hex}`;
  return {
    config: {
      apiKeys: { keys: [{ id, tenant: TENANT, name: 'Orders sync', digest, roles: ROLES, scopes: SCOPES }] },
    },
    requests: [{ 'X-Api-Key': key }],
    refused: { 'X-Api-Key': generateApiKey().key },
  };
}

async function bearerCredentials(folder: string, tokens: number): Promise<Credentials> {
  const login = await createTokenIssuer(ISSUER);
  const impostor = await createTokenIssuer(ISSUER);
  const jwksFile = path.join(folder, 'jwks.json');
  await writeFile(jwksFile, JSON.stringify(login.jwks));
  const requests: FieldChanges[] = [];
  for (let serial = 0; serial < tokens; serial += 1) requests.push(bearerFields(await login.sign(serial)));
  return {
    config: {
      issuers: {
        login: { issuer: ISSUER, audience: AUDIENCE, keys: { jwksFile }, tenant: { fixed: TENANT } },
      },
    },
    requests,
    refused: bearerFields(await impostor.sign(0)),
  };
}

function bearerFields(token: string): FieldChanges {
  return { 'X-Api-Key': null, Authorization: `Bearer ${token}` };
}

function sessionFields(cookie: string): FieldChanges {
  return { 'X-Api-Key': null, Cookie: `${SESSION_COOKIE}=${cookie}` };
}

/** The same session, and not its cookie. */
function wrongSecret(cookie: string): string {
  return `${cookie.slice(0, -1)}${cookie.endsWith('0') ? '1' : '0'}`;
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
    requests: [sessionFields(cookie?.reveal() ?? '')],
    refused: sessionFields(wrongSecret(cookie?.reveal() ?? '')),
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
  listen: ConfigPart,
): ConfigPart {
  const accept = [ACCEPTED[variant.credential]];
  // Where another proxy asks, it is that proxy which passes WebSockets on.
  const webSockets = 'forwardAuth' in listen ? {} : { websocket: { origins: [] } };
  return {
    listen: { public: `127.0.0.1:${port}`, admin: '127.0.0.1:0', ops: '127.0.0.1:0', ...listen },
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
        accept,
        require: { scopes: ['orders:read'] },
        upstream: 'api',
      },
      { id: 'live', match: { path: '/live/**' }, accept, ...webSockets, upstream: 'api' },
    ],
  };
}

/** A small but whole configuration: everything that it does not name has its default, the log and its level too. `listen`: further listeners. */
export async function setUpGatehouse(
  variant: GatehouseVariant,
  surroundings: Surroundings,
  listen: ConfigPart = {},
): Promise<GatehouseSetup> {
  const { config, requests, refused } = await credentialsOf(variant, surroundings.folder);
  return { config: stringify(configOf(variant, surroundings, config, listen)), requests, refused };
}

export const prepareGatehouse: PrepareGatehouse = (variant, surroundings) =>
  setUpGatehouse(variant, surroundings);
