import { z } from 'zod';
import { count, limit, line, tenantId, time } from './scalars.ts';

export const rotateKeyringBody = z.strictObject({ purpose: line });

export const auditQuery = z.strictObject({
  after: count.optional().describe('Records after this sequence, oldest first; else the newest ones.'),
  decisionId: z.string().max(100).optional(),
  tenant: tenantId.optional(),
  code: z.string().max(100).optional().describe('Deny code, or action such as keys.create.'),
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

const text = z.string();
const texts = z.array(text).readonly();
export const explanationView = z
  .object({
    decision: z.enum(['admitted', 'denied', 'outage']),
    code: text.describe('`admitted`, or the deny code.'),
    status: z.int().optional(),
    reason: text.optional().describe('The precise reason, which a client is never told.'),
    steps: z.array(z.object({ name: text, detail: text })).readonly(),
    route: text.optional(),
    principal: z
      .object({ subject: text, credential: text, tenants: texts, scopes: texts, roles: texts })
      .optional(),
    tenant: text.optional(),
    forwarded: z
      .object({
        upstream: text,
        target: text,
        requestLine: text,
        fields: z.array(z.tuple([text, text]).readonly()).readonly(),
      })
      .optional(),
  })
  .meta({ id: 'Explanation' });

const signingKeyView = z.object({ kid: text, algorithm: text, createdAt: time }).meta({ id: 'SigningKey' });
const keyringView = z
  .object({
    purpose: text,
    rotatedAt: time,
    previous: signingKeyView.exactOptional(),
    current: signingKeyView,
    next: signingKeyView,
  })
  .meta({ id: 'Keyring' });
export const keyringsView = z.object({ keyrings: z.array(keyringView).readonly() });

const encryptionKeyView = z.object({
  id: text,
  state: z
    .enum(['sealing', 'opening', 'missing'])
    .describe(
      'sealing: the first one. opening: a further one. missing: not configured, though it sealed something.',
    ),
  sealed: z.int().describe('Secrets of the store that it sealed. At 0, an opening one may go.'),
});
export const resealView = z.object({
  resealed: z.int().describe('Keyrings that were sealed anew.'),
  encryptionKeys: z.array(encryptionKeyView).readonly(),
});

const workerReloads = z
  .array(z.object({ pid: z.int(), outcome: z.enum(['reloaded', 'unchanged', 'refused', 'silent']) }))
  .readonly()
  .exactOptional()
  .describe('What it came to in each worker, where several serve.');
export const reloadView = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('reloaded'), revision: text, workers: workerReloads }),
  z.object({ outcome: z.literal('unchanged'), revision: text, workers: workerReloads }),
  z.object({
    outcome: z.literal('refused'),
    revision: text.describe('Which goes on serving.'),
    errors: texts.describe('As `gatehouse check` prints them.'),
    workers: workerReloads,
  }),
]);

const replicaView = z.object({
  id: text,
  isSelf: z.boolean().describe('The one that answers.'),
  version: text,
  revision: text.describe('Of the configuration that it serves.'),
  startedAt: time,
  lagMilliseconds: z.number().nullable().describe('Of its revocation list; null: it is being read anew.'),
});
export const statusView = z
  .object({
    version: text,
    startedAt: time,
    configuration: z.object({
      file: text,
      revision: text,
      loadedAt: time,
      errors: texts.describe('Why the newest file is not the one that serves.'),
    }),
    replicas: z.array(replicaView).readonly(),
    encryptionKeys: z
      .array(encryptionKeyView)
      .readonly()
      .exactOptional()
      .describe('Absent while the store cannot be asked.'),
    checks: z
      .array(
        z.object({
          name: text,
          effect: z.enum(['required', 'informational']),
          isOk: z.boolean(),
          detail: text.exactOptional(),
        }),
      )
      .readonly(),
  })
  .meta({ id: 'Status' });

const auditRecordView = z
  .object({
    sequence: z.int(),
    at: time,
    decisionId: text,
    event: z.enum(['request', 'administration']),
    decision: z.enum(['admitted', 'denied', 'failed', 'observed', 'attempted', 'changed']),
    code: text,
    reason: text.exactOptional(),
    subject: text.exactOptional(),
    credential: text.exactOptional(),
    tenant: text.exactOptional(),
    route: text.exactOptional(),
    method: text.exactOptional(),
    host: text.exactOptional(),
    path: text.exactOptional(),
    peer: text.exactOptional(),
    status: z.int().exactOptional(),
  })
  .meta({ id: 'AuditRecord' });
export const auditView = z.object({ records: z.array(auditRecordView).readonly() });

export type KeyringView = z.output<typeof keyringView>;
export type SigningKeyView = z.output<typeof signingKeyView>;
export type EncryptionKeyView = z.output<typeof encryptionKeyView>;
export type ResealView = z.output<typeof resealView>;
export type StatusView = z.output<typeof statusView>;
export type AuditRecordView = z.output<typeof auditRecordView>;
