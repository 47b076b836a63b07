import { definedMembers } from '../../base/defined-members.ts';
import { refusal } from '../../base/refusal.ts';
import { ok } from '../../base/result.ts';
import { type SessionOwner, targetOfOwner } from '../../sessions/session-administration.ts';
import type { TenantId } from '../../tenants/tenant.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { makeAuditedChange } from '../audited-change.ts';
import { problemOf } from '../problem.ts';
import { createTargetCheck } from '../revocable-target.ts';
import { answers, nothing, OF_BODY } from '../schemas/answers.ts';
import {
  endedSessionsView,
  endSessionsBody,
  listSessionsQuery,
  sessionPageView,
  sessionParams,
  sessionView,
} from '../schemas/sessions.ts';
import { instantOf, viewRevocation, viewSession } from '../views.ts';

const tags = ['sessions'];

export function sessionRoutes(app: AdminApp, context: AdminContext): void {
  const { sessions } = context;
  const checkTarget = createTargetCheck(context);

  app.get(
    '/v1/sessions',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listSessions',
        tags,
        summary: "Users' sessions, sorted by id",
        querystring: listSessionsQuery,
        response: answers({ 200: sessionPageView }, 422),
      },
    },
    async (request) => {
      const page = await sessions.list(definedMembers(request.query));
      return { ...page, sessions: page.sessions.map(viewSession) };
    },
  );

  app.get(
    '/v1/sessions/:id',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'getSession',
        tags,
        summary: 'One session',
        params: sessionParams,
        response: answers({ 200: sessionView }, 404, 422),
      },
    },
    async (request) => {
      const found = await sessions.find(request.params.id);
      if (!found.ok) throw problemOf(found.error);
      return viewSession(found.value);
    },
  );

  app.delete(
    '/v1/sessions/:id',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'endSession',
        tags,
        summary: 'End a session and all that was given out for it, on every replica',
        params: sessionParams,
        response: answers({ 204: nothing }, 404, 422),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await makeAuditedChange(
        context,
        request,
        { action: 'sessions.end', about: { credential: `session:${id}` } },
        (administrator) => sessions.end(id, { by: `admin:${administrator}` }),
        ({ tenant, subject }) => ({ tenant, reason: subject }),
      );
      return reply.code(204).send();
    },
  );

  app.post(
    '/v1/sessions/end',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'endSessions',
        tags,
        summary: 'End all sessions of a user, client or tenant, on every replica; they may log in anew',
        body: endSessionsBody,
        response: answers({ 200: endedSessionsView }, ...OF_BODY),
      },
    },
    async (request) => {
      const { issuedBefore, after, reason } = request.body;
      const owner = ownerOf(request.body);
      const { revocation, before, ...outcome } = await makeAuditedChange(
        context,
        request,
        { action: 'sessions.endAll', about: definedMembers({ ...aboutOf(owner), reason }) },
        async (administrator) => {
          const checked = await checkTarget(targetOfOwner(owner));
          if (!checked.ok) return checked;
          if (owner.kind === 'subject' && !owner.subject.startsWith('user:'))
            return refusal('invalid', 'Only users have sessions: user:LOGIN:TENANT:ID.');
          const who = definedMembers({ by: `admin:${administrator}`, reason });
          return ok(await sessions.endAll(owner, definedMembers({ before: issuedBefore, after }), who));
        },
        ({ ended }) => ({
          reason: reason === undefined ? `${ended} sessions` : `${ended} sessions: ${reason}`,
        }),
      );
      return { ...outcome, issuedBefore: instantOf(before), revocation: viewRevocation(revocation) };
    },
  );
}

/** The schema sees to it that there is exactly one. */
function ownerOf(body: {
  readonly subject?: string | undefined;
  readonly client?: string | undefined;
  readonly tenant?: TenantId | undefined;
}): SessionOwner {
  const { subject, client, tenant } = body;
  if (subject !== undefined) return { kind: 'subject', subject };
  if (client !== undefined) return { kind: 'client', client };
  if (tenant !== undefined) return { kind: 'tenant', tenant };
  throw new Error('a body without an owner passed the schema');
}

function aboutOf(owner: SessionOwner): { readonly tenant?: string; readonly credential?: string } {
  switch (owner.kind) {
    case 'subject':
      return { credential: owner.subject };
    case 'client':
      return { credential: owner.client };
    case 'tenant':
      return { tenant: owner.tenant };
  }
}
