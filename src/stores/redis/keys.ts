import { createHash } from 'node:crypto';
import { escapeKeyPart } from '../../base/key-part.ts';
import { KEY_PREFIX } from './settings.ts';

/** The names of all keys, made in this one place; docs/redis-keys.md describes what is in them. */
export interface RedisKeys {
  readonly feed: string;
  readonly changes: string;
  readonly tenants: string;
  readonly tenantHosts: string;
  readonly suspensions: string;
  readonly apiKeys: string;
  readonly apiKeyDigests: string;
  readonly apiKeyUses: string;
  readonly apiKeyIds: string;
  readonly apiKeysByTenant: string;
  readonly revocations: string;
  readonly revocationIds: string;
  readonly revocationExpiries: string;
  readonly keyrings: string;
  readonly clients: string;
  readonly sessions: string;
  readonly sessionJars: string;
  readonly sessionExpiries: string;
  readonly sessionIndex: string;
  readonly auditRecords: string;
  readonly auditPosition: string;
  readonly auditByDecision: string;
  readonly replicaIds: string;
  /** What one replica says of itself. */
  replica(id: string): string;
  /** One key per bucket, spread over a cluster. */
  attempts(key: string): string;
  /** One key per bucket of a rate limit, spread over a cluster. */
  usage(key: string): string;
  /** One key per opaque token of ours, by the bytes of its SHA-256, spread over a cluster. */
  token(digest: Buffer): string;
  /** One key per claim, spread over a cluster: it takes part in no other step. */
  replay(space: string, id: string): string;
}

/**
 * What the change feed must announce in the step that changes it shares one hash tag, and so one slot and one node of
 * a cluster; the audit stream shares another, and so do the replicas' reports. Tags hold the prefix, so that two gateways' slots differ. Throws RangeError.
 */
export function createRedisKeys(prefix: string): RedisKeys {
  if (!KEY_PREFIX.test(prefix)) {
    throw new RangeError(
      'A key prefix is 1 to 64 letters, digits and . _ : -, and begins with a letter or digit.',
    );
  }
  const state = `${prefix}{${prefix}state}:`;
  const audit = `${prefix}{${prefix}audit}:`;
  const replicas = `${prefix}{${prefix}replicas}:`;
  return {
    feed: `${state}feed`,
    changes: `${state}changes`,
    tenants: `${state}tenants`,
    tenantHosts: `${state}tenant-hosts`,
    suspensions: `${state}suspensions`,
    apiKeys: `${state}api-keys`,
    apiKeyDigests: `${state}api-key-digests`,
    apiKeyUses: `${state}api-key-uses`,
    apiKeyIds: `${state}api-key-ids`,
    apiKeysByTenant: `${state}api-keys-by-tenant`,
    revocations: `${state}revocations`,
    revocationIds: `${state}revocation-ids`,
    revocationExpiries: `${state}revocation-expiries`,
    keyrings: `${state}keyrings`,
    clients: `${state}clients`,
    sessions: `${state}sessions`,
    sessionJars: `${state}session-jars`,
    sessionExpiries: `${state}session-expiries`,
    sessionIndex: `${state}session-index`,
    auditRecords: `${audit}records`,
    auditPosition: `${audit}position`,
    auditByDecision: `${audit}by-decision`,
    replicaIds: `${replicas}ids`,
    replica: (id) => `${replicas}replica:${escapeKeyPart(id)}`,
    // Hashed, since a key may hold what somebody typed as a user name, of any length.
    attempts: (key) =>
      `${prefix}attempts:${createHash('sha256').update(escapeKeyPart(key)).digest('base64url')}`,
    // Hashed, since a key may hold the subject of a token of somebody else, of any length.
    usage: (key) => `${prefix}usage:${createHash('sha256').update(escapeKeyPart(key)).digest('base64url')}`,
    token: (digest) => `${prefix}token:${digest.toString('base64url')}`,
    // Hashed, since an id may be a ticket or a nonce that is still worth something.
    replay: (space, id) =>
      `${prefix}replay:${createHash('sha256')
        .update(`${escapeKeyPart(space)}:${escapeKeyPart(id)}`)
        .digest('base64url')}`,
  };
}
