import { z } from 'zod';
import { type ApiKeyDigest, parseApiKeyId } from '../../api-keys/api-key.ts';
import {
  duration,
  fieldName,
  instant,
  integer,
  parsedText,
  type ReferenceScalars,
  tenantId,
  text,
} from './scalars.ts';

const keyId = parsedText('a key id of letters, digits, ., _ and -, at most 64 characters', parseApiKeyId, {
  title: 'key id',
});

function parseDigest(value: string): ApiKeyDigest | undefined {
  const match = /^(sha256|hmac-sha256):([0-9a-f]{64})$/.exec(value);
  if (match === null) return undefined;
  return { algorithm: match[1] as ApiKeyDigest['algorithm'], hex: match[2] ?? '' };
}

const digest = parsedText('sha256: or hmac-sha256: and 64 lower-case hex digits', parseDigest, {
  title: 'digest',
  // A plain key pasted here by mistake must not be printed.
  writeOnly: true,
  pattern: '^(sha256|hmac-sha256):[0-9a-f]{64}$',
});

const configuredKey = z.strictObject({
  id: keyId.describe('Public part of the key, safe to log. Unique.'),
  tenant: tenantId.describe('Tenant that the key acts for.'),
  name: text.describe('For people: which system uses it.'),
  owner: text.optional().describe('Whom to call about it.'),
  digest: digest.describe(
    'sha256:HEX of the whole key, or hmac-sha256:HEX under `apiKeys.pepper` for keys that could be guessed.',
  ),
  scopes: z.array(text).prefault([]).describe('Scopes that the key grants.'),
  roles: z.array(text).prefault([]).describe('Roles that the key grants.'),
  expires: instant
    .optional()
    .describe('From this instant on the key is refused. A date alone: UTC midnight.'),
});

export function apiKeysSchema(scalars: ReferenceScalars) {
  return z
    .strictObject({
      header: fieldName
        .prefault('X-API-Key')
        .describe('Field that carries the key. `Authorization: ApiKey …` is always accepted too.'),
      pepper: scalars.secret
        .optional()
        .describe(
          'Keys the HMAC-SHA-256 of imported legacy keys; at least 32 bytes. Changing it makes them unusable.',
        ),
      keys: z
        .array(configuredKey)
        .prefault([])
        .describe('Keys kept in the configuration, by digest only. Further keys live in the store.'),
      cache: z
        .strictObject({
          entries: integer(100, 10_000_000)
            .prefault(50_000)
            .describe('Most presented keys that are remembered, known and unknown.'),
          unknown: duration.prefault('2s').describe('How long an unknown key is remembered as unknown.'),
          lastUseEvery: duration
            .prefault('30s')
            .describe('How often last uses are written back, in one batch.'),
        })
        .prefault({})
        .describe('What each process remembers of API keys.'),
    })
    .prefault({})
    .describe('API keys.');
}
