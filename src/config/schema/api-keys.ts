import { z } from 'zod';
import type { ApiKeyDigest, ApiKeyId } from '../../api-keys/api-key.ts';
import { parseApiKeyId } from '../../api-keys/api-key.ts';
import { duration, fieldName, type ReferenceScalars, tenantId, text } from './scalars.ts';

const keyId = z.string().transform((value, context): ApiKeyId => {
  const id = parseApiKeyId(value);
  if (id !== undefined) return id;
  context.addIssue({
    code: 'custom',
    message: 'a key id of letters, digits, ., _ and -, at most 64 characters',
    input: value,
  });
  return z.NEVER;
});

const digest = z.string().transform((value, context): ApiKeyDigest => {
  const match = /^(sha256|hmac-sha256):([0-9a-f]{64})$/.exec(value);
  if (match !== null) return { algorithm: match[1] as ApiKeyDigest['algorithm'], hex: match[2] ?? '' };
  context.addIssue({
    code: 'custom',
    message: 'sha256: or hmac-sha256: and 64 lower-case hex digits',
    input: value,
  });
  return z.NEVER;
});

/** A date (UTC midnight) or date and time with a zone, in milliseconds since the epoch. */
const instant = z.string().transform((value, context): number => {
  const isInstant = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/.test(
    value,
  );
  const milliseconds = isInstant ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(milliseconds)) return milliseconds;
  context.addIssue({
    code: 'custom',
    message: 'a date such as 2027-06-30 or 2027-06-30T12:00:00Z',
    input: value,
  });
  return z.NEVER;
});

export function apiKeysSchema(scalars: ReferenceScalars) {
  return z
    .strictObject({
      header: fieldName
        .prefault('X-API-Key')
        .describe('Field that carries the key. `Authorization: ApiKey …` is always accepted too.'),
      pepper: scalars.secret
        .optional()
        .describe('Keys imported legacy keys by HMAC-SHA-256. Changing it makes them unusable.'),
      keys: z
        .array(
          z.strictObject({
            id: keyId,
            tenant: tenantId,
            name: text,
            owner: text.optional(),
            digest,
            scopes: z.array(text).prefault([]),
            roles: z.array(text).prefault([]),
            expires: instant.optional(),
          }),
        )
        .prefault([])
        .describe('Keys kept in the configuration, by digest only. Further keys live in the store.'),
      cache: z
        .strictObject({
          entries: z.int().min(100).max(10_000_000).prefault(50_000),
          unknown: duration.prefault('2s').describe('How long an unknown key is remembered as unknown.'),
          lastUseEvery: duration
            .prefault('30s')
            .describe('How often last uses are written back, in one batch.'),
        })
        .prefault({}),
    })
    .prefault({});
}
