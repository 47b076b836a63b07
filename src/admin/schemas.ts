import { z } from 'zod';
import { type ApiKeyId, parseApiKeyId } from '../api-keys/api-key.ts';
import { parseDuration } from '../base/duration.ts';
import { Secret } from '../base/secret.ts';
import type { RevocationTarget } from '../revocation/revocation.ts';
import { parseTenantId, type TenantId } from '../tenants/tenant.ts';

/** Every request of the administration API. Unknown members are errors. Times are RFC 3339, durations `7d`. */

function parsed<T>(parse: (text: string) => T | undefined, expected: string) {
  return z.string().transform((text, context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    // Without the input, which could be a secret in the wrong place.
    context.addIssue({ code: 'custom', message: `expected ${expected}` });
    return z.NEVER;
  });
}

const INSTANT = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

function parseInstant(text: string): number | undefined {
  const milliseconds = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

const keyId = parsed<ApiKeyId>(parseApiKeyId, 'a key id');
const tenantId = parsed<TenantId>(parseTenantId, 'a tenant id of a-z, 0-9 and -, at most 63 characters');
const instant = parsed(parseInstant, 'a time such as 2027-06-30 or 2027-06-30T12:00:00Z');
const duration = parsed(parseDuration, 'a duration such as 30m, 12h or 7d');
/** Printed in terminals and logs: no control characters. */
const line = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, { error: 'expected one line without control characters' });
const scopeToken = z
  .string()
  .max(200)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'expected a scope without spaces (RFC 6749 section 3.3)' });
const reason = line.optional();

const describedKey = {
  tenant: tenantId,
  name: line,
  owner: line.optional(),
  scopes: z.array(scopeToken).max(200).default([]),
  roles: z.array(line).max(200).default([]),
  expiresAt: instant.optional(),
};

export const createKeyBody = z.strictObject(describedKey);
export const importKeyBody = z.strictObject({
  ...describedKey,
  id: keyId.optional(),
  key: z.string().transform((text) => new Secret(text)),
});
export const rotateKeyBody = z.strictObject({ overlap: duration, expiresAt: instant.optional() });
/** An empty body counts as `{}`. */
export const reasonBody = z.strictObject({ reason }).nullish();
export const keyParams = z.strictObject({ id: keyId });

const count = z
  .string()
  .regex(/^\d{1,9}$/, { error: 'expected a number' })
  .transform(Number);
const limit = (most: number, fallback: number) =>
  count.refine((value) => value >= 1 && value <= most, { error: `expected 1 to ${most}` }).default(fallback);

export const listKeysQuery = z.strictObject({
  tenant: tenantId.optional(),
  after: keyId.optional(),
  limit: limit(1000, 100),
});

const hosts = z.array(z.string().max(260)).max(1000);
const issuers = z.array(z.string().max(63)).max(100);
export const createTenantBody = z.strictObject({
  id: tenantId,
  name: line.optional(),
  status: z.enum(['active', 'suspended']).default('active'),
  hosts: hosts.default([]),
  issuers: issuers.default([]),
});
export const changeTenantBody = z.strictObject({
  name: line.optional(),
  hosts: hosts.optional(),
  issuers: issuers.optional(),
  /** Refused with 409 if the tenant has another one by now. */
  revision: z.int().min(1).optional(),
});
export const tenantParams = z.strictObject({ id: tenantId });

const id = z.string().min(1).max(1000);
const target = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('key'), id: keyId }),
  z.strictObject({ kind: z.literal('token'), issuer: id, jti: id }),
  z.strictObject({ kind: z.literal('tokenDigest'), digest: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.strictObject({ kind: z.literal('subject'), subject: id }),
  z.strictObject({ kind: z.literal('client'), client: id }),
  z.strictObject({ kind: z.literal('tenant'), tenant: tenantId }),
]) satisfies z.ZodType<RevocationTarget>;

export const createRevocationBody = z.strictObject({
  target,
  issuedBefore: instant.optional(),
  expiresAt: instant.optional(),
  reason,
});
export const revocationParams = z.strictObject({ id: z.string().min(1).max(4000) });

export const rotateKeyringBody = z.strictObject({ purpose: line });
export const auditQuery = z.strictObject({
  after: count.optional(),
  decisionId: z.string().max(100).optional(),
  limit: limit(1000, 100),
});

const fieldToken = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, { error: 'expected a field name' });
const fieldValue = z
  .string()
  .max(16_384)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: 'expected a field value' });

/** A request to explain: nothing of it is logged, since its fields may hold credentials. */
export const explainBody = z.strictObject({
  method: z.string().regex(/^[A-Z][A-Z-]{0,31}$/, { error: 'expected a method in capital letters' }),
  url: z
    .string()
    .max(8192)
    .regex(/^https?:\/\/[^/?#\s]+/i, { error: 'expected an http:// or https:// URL' }),
  fields: z
    .array(z.tuple([fieldToken, fieldValue]))
    .max(200)
    .default([]),
  peer: z.union([z.ipv4(), z.ipv6()]).optional(),
});
