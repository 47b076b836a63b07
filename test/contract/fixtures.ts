import { createHash } from 'node:crypto';
import { type ApiKey, type ApiKeyId, parseApiKeyId } from '../../src/api-keys/api-key.ts';
import type { AuditRecord } from '../../src/audit/audit-record.ts';
import { type Client, type ClientId, parseClientId } from '../../src/clients/client.ts';
import type { StoredKeyring, StoredSigningKey } from '../../src/keys/keyring-store.ts';
import type { Revocation } from '../../src/revocation/revocation.ts';
import { parseSessionId, type Session, type SessionId } from '../../src/sessions/session.ts';
import type { StoredAccessToken, StoredTicket } from '../../src/sessions/token-store.ts';
import type { ReplicaReport } from '../../src/stores/replica-registry.ts';
import { parseTenantId, type Tenant, type TenantId } from '../../src/tenants/tenant.ts';

export const MINUTE = 60_000;
export const NOW = Date.now();

export function tenantId(text: string): TenantId {
  const id = parseTenantId(text);
  if (id === undefined) throw new Error(`not a tenant id: ${text}`);
  return id;
}

export function apiKeyId(text: string): ApiKeyId {
  const id = parseApiKeyId(text);
  if (id === undefined) throw new Error(`not an API key id: ${text}`);
  return id;
}

export function aTenant(id: string, members: Partial<Omit<Tenant, 'id'>> = {}): Tenant {
  return { id: tenantId(id), name: `Tenant ${id}`, status: 'active', hosts: [], issuers: [], ...members };
}

/** A key whose digest follows from its id, so that two ids never clash. */
export function anApiKey(id: string, members: Partial<Omit<ApiKey, 'id'>> = {}): ApiKey {
  return {
    id: apiKeyId(id),
    tenant: tenantId('acme'),
    name: `Key ${id}`,
    digest: { algorithm: 'sha256', hex: createHash('sha256').update(id).digest('hex') },
    scopes: ['orders:read'],
    roles: [],
    origin: 'issued',
    createdAt: NOW,
    ...members,
  };
}

export function clientId(text: string): ClientId {
  const id = parseClientId(text);
  if (id === undefined) throw new Error(`not a client id: ${text}`);
  return id;
}

/** A confidential client whose secret is its id. */
export function aClient(id: string, members: Partial<Omit<Client, 'id'>> = {}): Client {
  return {
    id: clientId(id),
    name: `Client ${id}`,
    origin: 'stored',
    isPublic: false,
    secrets: [{ hex: createHash('sha256').update(id).digest('hex') }],
    grants: ['client_credentials'],
    scopes: ['orders:read'],
    tenants: [tenantId('acme')],
    browserSession: false,
    origins: [],
    accessTokenFormat: 'opaque',
    createdAt: NOW,
    revision: 1,
    ...members,
  };
}

export function aTenantRevocation(
  tenant: string,
  members: Partial<Omit<Revocation, 'target'>> = {},
): Revocation {
  return {
    target: { kind: 'tenant', tenant: tenantId(tenant) },
    revokedAt: NOW,
    revokedBy: 'admin:alice',
    ...members,
  };
}

export function aSigningKey(kid: string): StoredSigningKey {
  return {
    kid,
    algorithm: 'ES256',
    publicJwk: { kty: 'EC', crv: 'P-256', x: `x-${kid}`, y: `y-${kid}` },
    sealedPrivateKey: `sealed-${kid}`,
    createdAt: NOW,
  };
}

export function aKeyring(
  purpose: string,
  members: Partial<Omit<StoredKeyring, 'purpose'>> = {},
): StoredKeyring {
  return {
    purpose,
    current: aSigningKey('one'),
    next: aSigningKey('two'),
    rotatedAt: NOW,
    revision: 1,
    ...members,
  };
}

/** The id that begins with this text, which may have the letters that no id has; it does not end in Z. */
export function sessionId(text: string): SessionId {
  const digits = text.replace(/[IL]/g, '1').replaceAll('O', '0').replaceAll('U', 'V');
  const id = parseSessionId(digits.padEnd(16, 'Z'));
  if (id === undefined) throw new Error(`not a session id: ${text}`);
  return id;
}

/** A browser's session of one user, for one minute and at most an hour. */
export function aSession(id: string, members: Partial<Omit<Session, 'id'>> = {}): Session {
  return {
    id: sessionId(id),
    kind: 'browser',
    login: 'main',
    subject: 'user:main:acme:17',
    user: { id: '17' },
    tenant: tenantId('acme'),
    tenants: [members.tenant ?? tenantId('acme')],
    roles: [],
    scopes: [],
    profile: {},
    host: 'api.example.com',
    peer: '192.0.2.1',
    agent: 'test',
    authenticatedAt: NOW,
    expiresAt: NOW + MINUTE,
    absoluteEnd: NOW + 60 * MINUTE,
    revision: 1,
    ...members,
  };
}

/** Of a client that acts for itself. */
export function anAccessToken(
  id: string,
  members: Partial<Omit<StoredAccessToken, 'id' | 'kind'>> = {},
): StoredAccessToken {
  return {
    kind: 'access',
    id,
    client: clientId('worker'),
    tenants: [tenantId('acme')],
    scopes: ['orders:read'],
    issuedAt: NOW,
    expiresAt: NOW + 5 * MINUTE,
    ...members,
  };
}

export function aTicket(id: string, members: Partial<Omit<StoredTicket, 'id' | 'kind'>> = {}): StoredTicket {
  return {
    kind: 'ticket',
    id,
    session: sessionId('S1'),
    host: 'api.example.com',
    scopes: ['orders:read'],
    until: NOW + 5 * MINUTE,
    issuedAt: NOW,
    expiresAt: NOW + MINUTE,
    ...members,
  };
}

export function anAuditRecord(decisionId: string, members: Partial<AuditRecord> = {}): AuditRecord {
  return { at: NOW, decisionId, event: 'request', decision: 'admitted', code: 'admitted', ...members };
}

export function aReplica(id: string, members: Partial<Omit<ReplicaReport, 'id'>> = {}): ReplicaReport {
  return { id, version: '1.0.0', revision: 'r1', startedAt: NOW, lagMilliseconds: 3, ...members };
}
