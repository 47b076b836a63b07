import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyRequest } from 'fastify';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { administrationRecord, makeAuditedChange } from '../audited-change.ts';
import { restoreBackup } from '../backup/restore-backup.ts';
import { JSON_LINES, writeBackup } from '../backup/write-backup.ts';
import { answers } from '../schemas/answers.ts';
import { backupView, restoredView } from '../schemas/backup.ts';

const tags = ['operations'];

export function backupRoutes(app: AdminApp, context: AdminContext): void {
  const { stores, keyring, clock } = context;

  app.get(
    '/v1/backup',
    {
      config: { role: 'admin' },
      schema: {
        operationId: 'getBackup',
        tags,
        summary:
          'The store as JSON lines, without sessions: keys and secrets as digests, signing keys sealed',
        response: answers({
          200: { description: 'JSON lines.', content: { [JSON_LINES]: { schema: backupView } } },
        }),
      },
    },
    async (request, reply) => {
      const record = { ...administrationRecord(context, request), code: 'backup.read' };
      await context.audit.recordNow({ ...record, decision: 'attempted' });
      async function* lines() {
        let isComplete = false;
        try {
          yield* writeBackup(stores, context.version, clock());
          isComplete = true;
        } finally {
          context.audit.record({ ...record, at: clock(), decision: isComplete ? 'admitted' : 'failed' });
        }
      }
      return reply.type(JSON_LINES).send(Readable.from(lines()));
    },
  );

  app.register((scope, _options, done) => {
    // As it comes, without a limit, since it goes to a file; and nothing else.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(JSON_LINES, (_request, _payload, parsed) => parsed(null));
    scope.post(
      '/v1/restore',
      {
        config: { role: 'admin' },
        schema: {
          operationId: 'restoreBackup',
          tags,
          summary: 'Write a backup into an empty store',
          consumes: [JSON_LINES],
          body: backupView,
          response: answers({ 200: restoredView }, 400, 409, 415, 422),
        },
      },
      (request) =>
        withFile(request, (file) =>
          makeAuditedChange(
            context,
            request,
            { action: 'backup.restore' },
            () => restoreBackup(file, stores, keyring, clock),
            ({ tenants, clients, apiKeys, revocations }) => ({
              reason: `${tenants} tenants, ${clients} clients, ${apiKeys} keys, ${revocations} revocations`,
            }),
          ),
        ),
    );
    done();
  });
}

/** The body as a file for the time of `use`: it has to be read to its end before any of it can be trusted. */
async function withFile<T>(request: FastifyRequest, use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-restore-'));
  const file = path.join(folder, 'backup');
  try {
    await pipeline(request.raw, createWriteStream(file, { mode: 0o600 }));
    return await use(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
