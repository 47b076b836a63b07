import { definedMembers } from '../../base/defined-members.ts';
import { type Refusal, refusal } from '../../base/refusal.ts';
import { ok, type Result } from '../../base/result.ts';
import { type RevocationId, type RevocationTarget, revocationIdOf } from '../../revocation/revocation.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { makeAuditedChange } from '../audited-change.ts';
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
  const { stores, issuers, clock } = context;

  app.post(
    '/v1/revocations',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'createRevocation',
        tags,
        summary: 'Take back a credential, or all of a subject, client or tenant, on every replica',
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
          const resolved = await resolveTarget(target);
          if (!resolved.ok) return resolved;
          const added = definedMembers({ issuedBefore, expiresAt, reason });
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

  /**
   * A target with a typo in it would revoke nothing and look as if it had, so what can be looked up is. Tokens are
   * revoked under the name that the configuration gives their issuer; its `iss` is accepted too.
   */
  async function resolveTarget(target: RevocationTarget): Promise<Result<RevocationTarget, Refusal>> {
    switch (target.kind) {
      case 'key':
        return targetIf(target, await context.keyService.find(target.id));
      case 'tenant':
        return targetIf(target, await context.tenantService.find(target.tenant));
      case 'token': {
        const found = issuers().find(
          ({ name, issuer }) => target.issuer === name || target.issuer === issuer,
        );
        return found === undefined ? noSuchIssuer() : ok({ ...target, issuer: found.name });
      }
      case 'subject':
        return isKnownSubject(target.subject, ['user', 'client']) ? ok(target) : badSubject(target.subject);
      case 'client':
        return isKnownSubject(target.client, ['client']) ? ok(target) : badSubject(target.client);
      case 'tokenDigest':
        return ok(target);
    }
  }

  /** `kind:issuer:id`, with an issuer of the configuration. Keys are revoked as keys. */
  function isKnownSubject(subject: string, kinds: readonly string[]): boolean {
    const [kind = '', issuer, ...id] = subject.split(':');
    return kinds.includes(kind) && id.join(':') !== '' && issuers().some(({ name }) => name === issuer);
  }
}

function targetIf(
  target: RevocationTarget,
  found: Result<unknown, Refusal>,
): Result<RevocationTarget, Refusal> {
  return found.ok ? ok(target) : refusal('invalid', found.error.message);
}

function noSuchIssuer() {
  return refusal('invalid', 'The configuration has no such issuer.');
}

function badSubject(subject: string) {
  return refusal(
    'invalid',
    `${JSON.stringify(subject)} is not user:ISSUER:ID or client:ISSUER:ID with an issuer of the configuration.`,
  );
}

function aboutOf(target: RevocationTarget): { readonly tenant?: string; readonly credential?: string } {
  return target.kind === 'tenant' ? { tenant: target.tenant } : { credential: revocationIdOf(target) };
}
