import type { Readable } from 'node:stream';
import { z } from 'zod';
import { GRANT_TYPES } from '../../clients/client.ts';
import { SIGNING_ALGORITHMS } from '../../keys/algorithm.ts';
import { revocationTarget } from './revocations.ts';
import { clientId, keyId, tenantId } from './scalars.ts';

/** Milliseconds since the epoch; a NumericDate may have a fraction. */
const milliseconds = z.number();
const text = z.string();

/** 2: with clients. A backup of an older version is read too. */
export const BACKUP_VERSION = 2;

const sha256 = text.regex(/^[0-9a-f]{64}$/);

const signingKey = z.strictObject({
  kid: text,
  algorithm: z.enum(SIGNING_ALGORITHMS),
  publicJwk: z.record(text, z.unknown()),
  sealedPrivateKey: text,
  createdAt: milliseconds,
});

export const backupHeader = z.strictObject({
  kind: z.literal('gatehouse-backup'),
  version: z.union([z.literal(1), z.literal(BACKUP_VERSION)]),
  createdAt: text,
  gatehouse: text.describe('Version that wrote it.'),
});

/** One line of a backup between the first and the last. */
export const backupRecord = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('tenant'),
    id: tenantId,
    name: text,
    status: z.enum(['active', 'suspended']),
    hosts: z.array(text),
    issuers: z.array(text),
    requestLimit: z.strictObject({ count: z.int(), windowMilliseconds: z.int() }).exactOptional(),
    createdAt: milliseconds,
    updatedAt: milliseconds,
    revision: z.int(),
  }),
  z.strictObject({ kind: z.literal('suspension'), tenant: tenantId }),
  z.strictObject({
    kind: z.literal('client'),
    id: clientId,
    name: text,
    origin: z.literal('stored'),
    isPublic: z.boolean(),
    secrets: z.array(z.strictObject({ hex: sha256, expiresAt: milliseconds.exactOptional() })),
    grants: z.array(z.enum(GRANT_TYPES)),
    scopes: z.array(text),
    tenants: z.union([z.literal('any'), z.array(tenantId)]),
    login: text.exactOptional(),
    browserSession: z.boolean(),
    origins: z.array(text),
    accessTokenFormat: z.enum(['opaque', 'jwt']),
    createdAt: milliseconds,
    revision: z.int(),
  }),
  z.strictObject({
    kind: z.literal('apiKey'),
    id: keyId,
    tenant: tenantId,
    name: text,
    owner: text.exactOptional(),
    digest: z.strictObject({
      algorithm: z.enum(['sha256', 'hmac-sha256']),
      hex: sha256,
    }),
    scopes: z.array(text),
    roles: z.array(text),
    origin: z.enum(['issued', 'imported', 'configured']),
    createdAt: milliseconds,
    expiresAt: milliseconds.exactOptional(),
    revokedAt: milliseconds.exactOptional(),
    replacedBy: keyId.exactOptional(),
    lastUsedAt: milliseconds.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('revocation'),
    target: revocationTarget,
    issuedBefore: milliseconds.exactOptional(),
    expiresAt: milliseconds.exactOptional(),
    revokedAt: milliseconds,
    revokedBy: text,
    reason: text.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('keyring'),
    purpose: text,
    previous: signingKey.exactOptional(),
    current: signingKey,
    next: signingKey,
    rotatedAt: milliseconds,
    revision: z.int(),
  }),
]);

export const backupEnd = z.strictObject({
  kind: z.literal('end'),
  records: z.int(),
  sha256: text.describe('Of all bytes before this line.'),
});

export const restoredView = z.object({
  tenants: z.int(),
  suspensions: z.int(),
  clients: z.int(),
  apiKeys: z.int(),
  revocations: z.int(),
  keyrings: z.int(),
});

export const backupView = z.custom<Readable>().meta({ type: 'string', description: 'JSON lines.' });

export type BackupRecord = z.output<typeof backupRecord>;
export type BackupKind = BackupRecord['kind'];
export type RestoredView = z.output<typeof restoredView>;
