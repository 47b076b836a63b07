import { z } from 'zod';
import { type ApiKeyId, parseApiKeyId } from '../../api-keys/api-key.ts';
import { parseDuration } from '../../base/duration.ts';
import { parseInstant } from '../../base/instant.ts';
import { parseRate } from '../../base/rate.ts';
import { type ClientId, parseClientId } from '../../clients/client.ts';
import { parseSessionId, type SessionId } from '../../sessions/session.ts';
import { redactText } from '../../telemetry/redaction.ts';
import { parseTenantId, type TenantId } from '../../tenants/tenant.ts';

/** What requests are made of. Times are RFC 3339, durations `7d`. No message repeats the input, which could be a secret in the wrong place. */

function parsed<T>(parse: (text: string) => T | undefined, expected: string) {
  return z
    .string()
    .transform((text, context): T => {
      const value = parse(text);
      if (value !== undefined) return value;
      context.addIssue({ code: 'custom', message: `expected ${expected}` });
      return z.NEVER;
    })
    .describe(`${expected.charAt(0).toUpperCase()}${expected.slice(1)}.`);
}

export const keyId = parsed<ApiKeyId>(parseApiKeyId, 'a key id');
/** What looks like a credential is a secret in the place of an id: it would be repeated, and stored as it is. */
export const clientId = parsed<ClientId>(
  (text) => (redactText(text) === text ? parseClientId(text) : undefined),
  'a client id of letters, digits, ., _ and -, at most 64 characters',
);
export const sessionId = parsed<SessionId>(parseSessionId, 'a session id');
export const tenantId = parsed<TenantId>(
  parseTenantId,
  'a tenant id of a-z, 0-9 and -, at most 63 characters',
);
export const instant = parsed(parseInstant, 'a time such as 2027-06-30 or 2027-06-30T12:00:00Z');
export const duration = parsed(parseDuration, 'a duration such as 30m, 12h or 7d');

export const rate = parsed(parseRate, 'a rate such as 10/s, 600/min or 5000/h');

/** Printed in terminals and logs: no control characters. */
export const line = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, { error: 'expected one line without control characters' });

export const scopeToken = z
  .string()
  .max(200)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'expected a scope without spaces (RFC 6749 section 3.3)' });

export const reason = line.optional().describe('Why; kept in the audit stream.');

/** An empty body counts as `{}`. */
export const reasonBody = z.strictObject({ reason }).nullish();

export const count = z
  .string()
  .regex(/^\d{1,15}$/, { error: 'expected a number' })
  .transform(Number);

export function limit(most: number, fallback: number) {
  return count
    .refine((value) => value >= 1 && value <= most, { error: `expected 1 to ${most}` })
    .default(fallback)
    .describe(`At most this many, 1 to ${most}.`);
}

/** An answer's time: RFC 3339 in UTC. */
export const time = z.string().meta({ format: 'date-time' });
