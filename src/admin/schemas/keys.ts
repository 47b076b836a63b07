import { z } from 'zod';
import { Secret } from '../../base/secret.ts';
import { duration, instant, keyId, limit, line, scopeToken, tenantId, time } from './scalars.ts';

const describedKey = {
  tenant: tenantId,
  name: line.describe('What it is for.'),
  owner: line.optional().describe('Whom to call about it.'),
  scopes: z.array(scopeToken).max(200).default([]),
  roles: z.array(line).max(200).default([]),
  expiresAt: instant.optional(),
};

export const createKeyBody = z.strictObject(describedKey);

export const importKeyBody = z.strictObject({
  ...describedKey,
  id: keyId.optional().describe('Chosen by the importer; a new one if absent.'),
  key: z.string().transform((text) => new Secret(text)),
});

/** Rows are judged one by one, so that one mistake does not refuse the others. */
export const importKeysBody = z.strictObject({
  isDryRun: z.boolean().default(false).describe('Tells what would happen, and changes nothing.'),
  keys: z
    .array(z.record(z.string(), z.unknown()))
    .min(1)
    .max(500)
    .describe('Each as the body of /v1/keys/import.'),
});

export const rotateKeyBody = z.strictObject({
  overlap: duration.describe('How long the old key is still accepted.'),
  expiresAt: instant
    .optional()
    .describe('Of the new key. Absent: it lives as long as the old one was made to live.'),
});

export const keyParams = z.strictObject({ id: keyId });

export const listKeysQuery = z.strictObject({
  tenant: tenantId.optional(),
  unusedSince: instant
    .optional()
    .describe('Only keys of the store that are accepted, were made before, and were not used since.'),
  expiresBefore: instant.optional().describe('Only keys that are accepted now and end by then.'),
  after: keyId.optional(),
  limit: limit(1000, 100),
});

export const idempotencyFields = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, { error: 'expected 1 to 200 printable characters' })
    .optional()
    .describe('A second creation with it is refused (409), and names the key that the first one made.'),
});

const state = z.enum(['active', 'replaced', 'expired', 'revoked']);
const keyMembers = {
  id: z.string(),
  tenant: z.string(),
  name: z.string(),
  owner: z.string().exactOptional(),
  scopes: z.array(z.string()).readonly(),
  roles: z.array(z.string()).readonly(),
  origin: z.enum(['issued', 'imported', 'configured']),
  state,
  createdAt: time,
  expiresAt: time.exactOptional(),
  revokedAt: time.exactOptional(),
  replacedBy: z.string().exactOptional(),
  lastUsedAt: time.exactOptional().describe('Written back in batches.'),
};
const shownOnce = { key: z.string().describe('The key itself, shown this once.') };

export const keyView = z.object(keyMembers).meta({ id: 'Key' });
export const newKeyView = z.object({ ...keyMembers, ...shownOnce }).meta({ id: 'NewKey' });
export const rotatedKeyView = z
  .object({ ...keyMembers, ...shownOnce, replaced: keyView })
  .meta({ id: 'RotatedKey' });
export const importedKeyView = z
  .object({
    ...keyMembers,
    warnings: z.array(z.string()).readonly().describe('About a key that is accepted but weak.'),
  })
  .meta({ id: 'ImportedKey' });
export const keyPageView = z.object({
  keys: z.array(keyView).readonly(),
  next: z.string().exactOptional().describe('As `after`, for the next page. Absent: this was the last.'),
});

const row = { index: z.int().describe('Place in `keys`, from 0.'), warnings: z.array(z.string()).readonly() };
const importOutcome = z.discriminatedUnion('outcome', [
  z.object({ ...row, outcome: z.literal('imported'), id: z.string() }),
  z
    .object({ ...row, outcome: z.literal('present'), id: z.string() })
    .describe('This very key was there already.'),
  z.object({ ...row, outcome: z.literal('refused'), reason: z.string() }),
]);
export const importReportView = z.object({ results: z.array(importOutcome).readonly() });

export type KeyView = z.output<typeof keyView>;
export type NewKeyView = z.output<typeof newKeyView>;
export type RotatedKeyView = z.output<typeof rotatedKeyView>;
export type ImportedKeyView = z.output<typeof importedKeyView>;
export type KeyPageView = z.output<typeof keyPageView>;
export type ImportOutcomeView = z.output<typeof importOutcome>;
export type ImportReportView = z.output<typeof importReportView>;
