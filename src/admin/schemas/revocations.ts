import { z } from 'zod';
import type { RevocationTarget } from '../../revocation/revocation.ts';
import { instant, keyId, reason, sessionId, tenantId, time } from './scalars.ts';

const id = z.string().min(1).max(1000);
export const revocationTarget = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('key'), id: keyId }),
  z.strictObject({ kind: z.literal('token'), issuer: id, jti: id }),
  z.strictObject({ kind: z.literal('tokenDigest'), digest: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.strictObject({ kind: z.literal('subject'), subject: id }),
  z.strictObject({ kind: z.literal('session'), id: sessionId }),
  z.strictObject({ kind: z.literal('client'), client: id }),
  z.strictObject({ kind: z.literal('clientSessions'), client: id }),
  z.strictObject({ kind: z.literal('tenant'), tenant: tenantId }),
  z.strictObject({ kind: z.literal('tenantSessions'), tenant: tenantId }),
]) satisfies z.ZodType<RevocationTarget>;

export const createRevocationBody = z.strictObject({
  target: revocationTarget,
  issuedBefore: instant.optional().describe('Inclusive: only what was issued until then.'),
  expiresAt: instant.optional().describe('When the entry may be forgotten. Absent: never.'),
  reason,
});

export const revocationParams = z.strictObject({ id: z.string().min(1).max(4000) });

const text = z.string();
const targetView = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('key'), id: text }),
  z.object({ kind: z.literal('token'), issuer: text, jti: text }),
  z.object({ kind: z.literal('tokenDigest'), digest: text }),
  z.object({ kind: z.literal('subject'), subject: text }),
  z.object({ kind: z.literal('session'), id: text }),
  z.object({ kind: z.literal('client'), client: text }),
  z.object({ kind: z.literal('clientSessions'), client: text }),
  z.object({ kind: z.literal('tenant'), tenant: text }),
  z.object({ kind: z.literal('tenantSessions'), tenant: text }),
]);

export const revocationView = z
  .object({
    id: text,
    target: targetView,
    issuedBefore: time.exactOptional(),
    expiresAt: time.exactOptional(),
    revokedAt: time,
    revokedBy: text,
    reason: text.exactOptional(),
  })
  .meta({ id: 'Revocation' });
export const revocationsView = z.object({ revocations: z.array(revocationView).readonly() });

export type RevocationView = z.output<typeof revocationView>;
