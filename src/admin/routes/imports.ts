import type { FastifyRequest } from 'fastify';
import type { KeyImport } from '../../api-keys/key-import.ts';
import { stateOfKey } from '../../api-keys/key-state.ts';
import { definedMembers } from '../../base/defined-members.ts';
import { refusal } from '../../base/refusal.ts';
import { ok } from '../../base/result.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { administrationRecord, makeAuditedChange } from '../audited-change.ts';
import { answers, OF_BODY } from '../schemas/answers.ts';
import {
  type ImportOutcomeView,
  importedKeyView,
  importKeyBody,
  importKeysBody,
  importReportView,
} from '../schemas/keys.ts';
import { viewKey } from '../views.ts';

const tags = ['keys'];
/** 500 rows with keys of 512 characters and long lists of scopes. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** Legacy keys, one or many. */
export function importRoutes(app: AdminApp, context: AdminContext): void {
  const { keyService, clock, audit } = context;

  app.post(
    '/v1/keys/import',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'importKey',
        tags,
        summary: 'Accept a legacy key as it is',
        body: importKeyBody,
        response: answers({ 201: importedKeyView }, 409, ...OF_BODY),
      },
    },
    async (request, reply) => {
      const { tenant } = request.body;
      const { apiKey, warnings } = await makeAuditedChange(
        context,
        request,
        { action: 'keys.import', about: { tenant } },
        async () => {
          const imported = await keyService.import(definedMembers(request.body));
          if (!imported.ok || imported.value.outcome === 'imported') return imported;
          const { id } = imported.value.apiKey;
          return refusal('conflict', `This very key is there already, with the id ${id}.`, id);
        },
        ({ apiKey: { id } }) => ({ credential: `key:${id}` }),
      );
      const view = viewKey({ apiKey, state: stateOfKey(apiKey, new Map(), clock()) });
      return reply.code(201).send({ ...view, warnings });
    },
  );

  app.post(
    '/v1/keys/import-batch',
    {
      bodyLimit: BATCH_BYTES,
      config: { role: 'operator' },
      schema: {
        operationId: 'importKeys',
        tags,
        summary: 'Accept many legacy keys; each is judged for itself',
        body: importKeysBody,
        response: answers({ 200: importReportView }, ...OF_BODY),
      },
    },
    async (request) => {
      const { keys, isDryRun } = request.body;
      const importAll = () => Promise.all(keys.map((row, index) => importRow(request, row, index, isDryRun)));
      if (isDryRun) return { results: await importAll() };
      const results = await makeAuditedChange(
        context,
        request,
        { action: 'keys.importBatch', about: { reason: `${keys.length} keys` } },
        async () => ok(await importAll()),
        (made) => ({ reason: `${made.filter(({ outcome }) => outcome === 'imported').length} imported` }),
      );
      return { results };
    },
  );

  async function importRow(
    request: FastifyRequest,
    row: Readonly<Record<string, unknown>>,
    index: number,
    isDryRun: boolean,
  ): Promise<ImportOutcomeView> {
    const read = importKeyBody.safeParse(row);
    if (!read.success) {
      const reason = read.error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; ');
      return { index, outcome: 'refused', reason, warnings: [] };
    }
    const wanted: KeyImport = definedMembers(read.data);
    const imported = await keyService.import(wanted, isDryRun);
    if (!imported.ok) return { index, outcome: 'refused', reason: imported.error.message, warnings: [] };
    const { outcome, apiKey, warnings } = imported.value;
    if (outcome === 'imported' && !isDryRun) {
      audit.record({
        ...administrationRecord(context, request),
        decision: 'changed',
        code: 'keys.import',
        tenant: apiKey.tenant,
        credential: `key:${apiKey.id}`,
      });
    }
    return { index, outcome, id: apiKey.id, warnings };
  }
}
