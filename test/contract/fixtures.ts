import { createHash } from 'node:crypto';
import { type ApiKey, type ApiKeyId, parseApiKeyId } from '../../src/api-keys/api-key.ts';
import type { AuditRecord } from '../../src/audit/audit-record.ts';
import { type Client, type ClientId, parseClientId } from '../../src/clients/client.ts';
import type { StoredKeyring, StoredSigningKey } from '../../src/keys/keyring-store.ts';
import type { Revocation } from '../../src/revocation/revocation.ts';
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

export function anAuditRecord(decisionId: string, members: Partial<AuditRecord> = {}): AuditRecord {
  return { at: NOW, decisionId, event: 'request', decision: 'admitted', code: 'admitted', ...members };
}

export function aReplica(id: string, members: Partial<Omit<ReplicaReport, 'id'>> = {}): ReplicaReport {
  return { id, version: '1.0.0', revision: 'r1', startedAt: NOW, lagMilliseconds: 3, ...members };
}
