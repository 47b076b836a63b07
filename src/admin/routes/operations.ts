import { definedMembers } from '../../base/defined-members.ts';
import { refusal } from '../../base/refusal.ts';
import { ok } from '../../base/result.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { makeAuditedChange } from '../audited-change.ts';
import { answers, OF_BODY } from '../schemas/answers.ts';
import {
  auditQuery,
  auditView,
  explainBody,
  explanationView,
  keyringsView,
  reloadView,
  resealView,
  rotateKeyringBody,
  statusView,
} from '../schemas/operations.ts';
import { instantOf, viewAuditRecord, viewKeyring, viewStatus } from '../views.ts';

const tags = ['operations'];

/** Keyring, configuration, status and the audit stream. */
export function operationRoutes(app: AdminApp, context: AdminContext): void {
  const { stores, keyring } = context;

  async function listKeyrings() {
    return { keyrings: (await stores.keyring.list()).map(viewKeyring) };
  }

  app.get(
    '/v1/keyring',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listKeyrings',
        tags,
        summary: 'Previous, current and next signing key of each purpose',
        response: answers({ 200: keyringsView }),
      },
    },
    listKeyrings,
  );

  app.post(
    '/v1/keyring/rotate',
    {
      config: { role: 'admin' },
      schema: {
        operationId: 'rotateKeyring',
        tags,
        summary: 'Make the next signing key of a purpose the current one',
        body: rotateKeyringBody,
        response: answers({ 200: keyringsView }, 404, 409, ...OF_BODY),
      },
    },
    async (request) => {
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
    },
  );

  app.post(
    '/v1/keyring/reseal',
    {
      config: { role: 'admin' },
      schema: {
        operationId: 'resealKeyrings',
        tags,
        summary: 'Seal with the first encryption key what another one has sealed',
        response: answers({ 200: resealView }),
      },
    },
    (request) =>
      makeAuditedChange(
        context,
        request,
        { action: 'keyring.reseal' },
        async () => {
          const resealed = await keyring.reseal();
          return ok({ resealed, encryptionKeys: await keyring.encryptionKeyUses() });
        },
        ({ resealed }) => ({ reason: `${resealed} keyrings` }),
      ),
  );

  /** A refused file is no failure of the request: the report says what is wrong with it, and the old one is serving. */
  app.post(
    '/v1/reload',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'reload',
        tags,
        summary: 'Load the configuration file anew',
        response: answers({ 200: reloadView }),
      },
    },
    (request) =>
      makeAuditedChange(
        context,
        request,
        { action: 'configuration.reload' },
        async () => ok(await context.reload()),
        (report) => ({ reason: `${report.outcome}, revision ${report.revision}` }),
      ),
  );

  /** Reads, and changes nothing. What it shows names no secret, but it does tell who a credential belongs to. */
  app.post(
    '/v1/explain',
    {
      // A viewer could guess weak keys here, since no budget of failures applies.
      config: { role: 'operator' },
      schema: {
        operationId: 'explain',
        tags,
        summary: 'What the gateway would do with a request, and why; nothing is sent',
        body: explainBody,
        response: answers({ 200: explanationView }, ...OF_BODY),
      },
    },
    (request) => context.explain(definedMembers(request.body)),
  );

  app.get(
    '/v1/status',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'getStatus',
        tags,
        summary: 'What is running, and how it is',
        response: answers({ 200: statusView }),
      },
    },
    async () => viewStatus(await context.status()),
  );

  app.get(
    '/v1/audit',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listAuditRecords',
        tags,
        summary: 'The newest records of the audit stream, or those after a sequence',
        querystring: auditQuery,
        response: answers({ 200: auditView }, 422),
      },
    },
    async (request) => {
      const records = await stores.audit.read(definedMembers(request.query));
      return { records: records.map(viewAuditRecord) };
    },
  );
}
