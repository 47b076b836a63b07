import { z } from 'zod';
import { duration, listenAddress, type ReferenceScalars, text } from './scalars.ts';

/** Where the gateway keeps what operators change at run time. Exactly one of the two kinds. */
export function storeSchema(scalars: ReferenceScalars) {
  const embedded = z
    .strictObject({
      path: text
        .prefault('./data/gatehouse.db')
        .describe('Database file, relative to the working directory, or :memory:.'),
    })
    .describe('SQLite, for one process. Nothing to install. The default.');
  return z
    .strictObject({
      embedded: embedded.optional(),
      redis: redisSchema(scalars).optional(),
      maxLag: duration
        .prefault('5s')
        .describe(
          'Longest time that a remote store may be silent before what it could forbid is answered 503. A revoked credential passes no longer than this after its revocation was acknowledged.',
        ),
    })
    .superRefine(({ embedded: ours, redis }, context) => {
      if (ours !== undefined && redis !== undefined)
        context.addIssue({ code: 'custom', path: ['redis'], message: 'one store: embedded or redis' });
    })
    .prefault({})
    .describe('Where tenants, keys and revocations are kept. Changes need a restart.');
}

function redisSchema(scalars: ReferenceScalars) {
  const nodes = z.array(listenAddress).min(1);
  return z
    .strictObject({
      url: scalars.secret
        .optional()
        .describe(
          'One server: redis:// or rediss:// (TLS), with user:password@ and /database where they are needed.',
        ),
      sentinels: z
        .strictObject({
          name: text.describe('Name of the primary, as the sentinels know it.'),
          nodes: nodes.describe('The sentinels, host:port each.'),
          username: text.optional().describe('What the sentinels themselves want.'),
          password: scalars.secret.optional().describe('What the sentinels themselves want.'),
        })
        .optional()
        .describe('A primary that sentinels watch. Failovers are followed.'),
      cluster: nodes.optional().describe('Some nodes of a cluster, host:port each; the others are learned.'),
      username: text.optional().describe('ACL user of the servers, unless the URL has one.'),
      password: scalars.secret.optional().describe('Its password.'),
      tls: z
        .strictObject({
          ca: scalars.filePath.optional().describe('Certificate authority, PEM file.'),
          cert: scalars.filePath.optional().describe('Client certificate, PEM file.'),
          key: scalars.filePath.optional().describe('Private key of the client certificate, PEM file.'),
        })
        .optional()
        .describe('TLS to sentinels and cluster nodes, and its material. Certificates are always verified.'),
      keyPrefix: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, {
          error: 'letters, digits, ., _, : and -, at most 64 characters',
        })
        .prefault('gatehouse:')
        .describe('Every key begins with it.'),
      commandTimeout: duration
        .prefault('1s')
        .describe('An operation without an answer for so long is an outage.'),
    })
    .superRefine(({ url, sentinels, cluster }, context) => {
      const ways = [url, sentinels, cluster].filter((way) => way !== undefined);
      if (ways.length !== 1)
        context.addIssue({ code: 'custom', message: 'exactly one of url, sentinels and cluster' });
    })
    .describe('Redis 6.2 or newer, or Valkey 7.2: one truth for many replicas.');
}
