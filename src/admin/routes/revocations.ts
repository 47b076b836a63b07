import type { EpochMilliseconds } from '../../base/clock.ts';
import { definedMembers } from '../../base/defined-members.ts';
import { refusal } from '../../base/refusal.ts';
import { ok } from '../../base/result.ts';
import { type RevocationId, type RevocationTarget, revocationIdOf } from '../../revocation/revocation.ts';
import { expiryOfEntry } from '../../sessions/session-administration.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { makeAuditedChange } from '../audited-change.ts';
import { createTargetCheck } from '../revocable-target.ts';
import { answers, nothing, OF_BODY } from '../schemas/answers.ts';
import {
  createRevocationBody,
  revocationParams,
  revocationsView,
  revocationView,
} from '../schemas/revocations.ts';
import { viewRevocation } from '../views.ts';

const tags = ['revocations'];

export function revocationRoutes(app: AdminApp, context: AdminContext): void {
  const { stores, clock } = context;
  const checkTarget = createTargetCheck(context);

  /** What a session was given ends with it, and so may the entry. */
  async function expiryOf(target: RevocationTarget): Promise<EpochMilliseconds | undefined> {
    const found = target.kind === 'session' ? await context.sessions.find(target.id) : undefined;
    return found?.ok === true ? expiryOfEntry(found.value) : undefined;
  }

  app.post(
    '/v1/revocations',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'createRevocation',
        tags,
        summary: 'Take back a credential or session, or all of a subject, client or tenant, on every replica',
        body: createRevocationBody,
        response: answers({ 201: revocationView }, ...OF_BODY),
      },
    },
    async (request, reply) => {
      const { target, issuedBefore, expiresAt, reason } = request.body;
      const revocation = await makeAuditedChange(
        context,
        request,
        { action: 'revocations.create', about: definedMembers({ ...aboutOf(target), reason }) },
        async (administrator) => {
          const resolved = await checkTarget(target);
          if (!resolved.ok) return resolved;
          const added = definedMembers({
            issuedBefore,
            expiresAt: expiresAt ?? (await expiryOf(resolved.value)),
            reason,
          });
          return ok(
            await stores.revocations.add({
              ...added,
              target: resolved.value,
              revokedAt: clock(),
              revokedBy: `admin:${administrator}`,
            }),
          );
        },
      );
      return reply.code(201).send(viewRevocation(revocation));
    },
  );

  app.get(
    '/v1/revocations',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listRevocations',
        tags,
        summary: 'Entries that are in force',
        response: answers({ 200: revocationsView }),
      },
    },
    async () => ({ revocations: (await stores.revocations.list(clock())).map(viewRevocation) }),
  );

  app.delete(
    '/v1/revocations/:id',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'deleteRevocation',
        tags,
        summary: 'Take an entry back; a revoked API key stays revoked',
        params: revocationParams,
        response: answers({ 204: nothing }, 404, 422),
      },
    },
    async (request, reply) => {
      const id = request.params.id as RevocationId;
      await makeAuditedChange(
        context,
        request,
        { action: 'revocations.delete', about: { credential: id } },
        async () =>
          (await stores.revocations.remove(id))
            ? ok(undefined)
            : refusal('absent', 'There is no such revocation.'),
      );
      return reply.code(204).send();
    },
  );
}

function aboutOf(target: RevocationTarget): { readonly tenant?: string; readonly credential?: string } {
  return 'tenant' in target ? { tenant: target.tenant } : { credential: revocationIdOf(target) };
}
