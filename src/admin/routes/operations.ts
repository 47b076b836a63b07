import { definedMembers } from '../../base/defined-members.ts';
import { refusal } from '../../base/refusal.ts';
import { ok } from '../../base/result.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { makeAuditedChange } from '../audited-change.ts';
import { auditQuery, explainBody, rotateKeyringBody } from '../schemas.ts';
import { instantOf, viewAuditRecord, viewKeyring, viewStatus } from '../views.ts';

/** Keyring, configuration, status and the audit stream. */
export function operationRoutes(app: AdminApp, context: AdminContext): void {
  const { stores, keyring } = context;

  async function listKeyrings() {
    return { keyrings: (await stores.keyring.list()).map(viewKeyring) };
  }

  app.get('/v1/keyring', listKeyrings);

  app.post('/v1/keyring/rotate', { schema: { body: rotateKeyringBody } }, async (request) => {
    const { purpose } = request.body;
    await makeAuditedChange(
      context,
      request,
      { action: 'keyring.rotate', about: { credential: `keyring:${purpose}` } },
      async () => {
        const outcome = await keyring.rotate(purpose);
        switch (outcome.kind) {
          case 'rotated':
            return ok(undefined);
          case 'absent':
            return refusal('absent', `There is no keyring ${purpose}.`);
          case 'tooSoon':
            return refusal(
              'conflict',
              `The keyring ${purpose} was rotated a moment ago; verifiers may not know its next key before ${instantOf(outcome.notBefore)}.`,
            );
        }
      },
    );
    return listKeyrings();
  });

  /** A refused file is no failure of the request: the report says what is wrong with it, and the old one is serving. */
  app.post('/v1/reload', (request) =>
    makeAuditedChange(
      context,
      request,
      { action: 'configuration.reload' },
      async () => ok(await context.reload()),
      (report) => ({ reason: `${report.outcome}, revision ${report.revision}` }),
    ),
  );

  /** Reads, and changes nothing. What it shows names no secret, but it does tell who a credential belongs to. */
  app.post('/v1/explain', { schema: { body: explainBody } }, (request) =>
    context.explain(definedMembers(request.body)),
  );

  app.get('/v1/status', async () => viewStatus(await context.status()));

  app.get('/v1/audit', { schema: { querystring: auditQuery } }, async (request) => {
    const records = await stores.audit.read(definedMembers(request.query));
    return { records: records.map(viewAuditRecord) };
  });
}
