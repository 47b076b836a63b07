import { definedMembers } from '../../base/defined-members.ts';
import type { Expectation } from '../../base/expectation.ts';
import { ok } from '../../base/result.ts';
import { subjectOfClient } from '../../clients/client.ts';
import type { AdministeredClient } from '../../clients/client-service.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { makeAuditedChange } from '../audited-change.ts';
import { isMatch, tagOfClient } from '../entity-tag.ts';
import { problemOf } from '../problem.ts';
import { answers, nothing, OF_BODY } from '../schemas/answers.ts';
import {
  changeClientBody,
  clientParams,
  clientsView,
  clientView,
  createClientBody,
  newClientView,
  newSecretView,
  rotateClientSecretBody,
} from '../schemas/clients.ts';
import { preconditionFields } from '../schemas/precondition.ts';
import { viewClient } from '../views.ts';

const tags = ['clients'];

export function clientRoutes(app: AdminApp, context: AdminContext): void {
  const { clientService, sessions, clock } = context;
  const view = (administered: AdministeredClient) => viewClient(administered, clock());
  const expected = (field: string | undefined): Expectation<AdministeredClient> | undefined =>
    field === undefined ? undefined : (current) => isMatch(field, tagOfClient(view(current)));

  app.post(
    '/v1/clients',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'createClient',
        tags,
        summary: 'Add a client to the store, under an id of your choice; its secret is shown once',
        body: createClientBody,
        response: answers({ 201: newClientView }, 409, ...OF_BODY),
      },
    },
    async (request, reply) => {
      const description = definedMembers(request.body);
      const { secret, ...created } = await makeAuditedChange(
        context,
        request,
        { action: 'clients.create', about: { credential: subjectOfClient(description.id) } },
        () => clientService.create(description),
      );
      const shown = view(created);
      return reply
        .code(201)
        .header('etag', tagOfClient(shown))
        .send({ ...shown, ...(secret !== undefined && { secret: secret.reveal() }) });
    },
  );

  app.get(
    '/v1/clients',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listClients',
        tags,
        summary: 'Clients of the store and of the configuration, sorted by id',
        response: answers({ 200: clientsView }),
      },
    },
    async () => ({ clients: (await clientService.list()).map(view) }),
  );

  app.get(
    '/v1/clients/:id',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'getClient',
        tags,
        summary: 'One client, with its ETag',
        params: clientParams,
        response: answers({ 200: clientView }, 404, 422),
      },
    },
    async (request, reply) => {
      const found = await clientService.find(request.params.id);
      if (!found.ok) throw problemOf(found.error);
      const shown = view(found.value);
      return reply.header('etag', tagOfClient(shown)).send(shown);
    },
  );

  app.patch(
    '/v1/clients/:id',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'changeClient',
        tags,
        summary: 'Change a client of the store',
        params: clientParams,
        headers: preconditionFields,
        body: changeClientBody,
        response: answers({ 200: clientView }, 404, 409, 412, ...OF_BODY),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const changed = await makeAuditedChange(
        context,
        request,
        { action: 'clients.update', about: { credential: subjectOfClient(id) } },
        () => clientService.update(id, definedMembers(request.body), expected(request.headers['if-match'])),
      );
      const shown = view(changed);
      return reply.header('etag', tagOfClient(shown)).send(shown);
    },
  );

  app.post(
    '/v1/clients/:id/secret',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'rotateClientSecret',
        tags,
        summary:
          'Give a client another secret, shown once; those that it has are accepted until the overlap ends',
        params: clientParams,
        headers: preconditionFields,
        body: rotateClientSecretBody,
        response: answers({ 201: newSecretView }, 404, 409, 412, ...OF_BODY),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { secret, ...rotated } = await makeAuditedChange(
        context,
        request,
        { action: 'clients.secret', about: { credential: subjectOfClient(id) } },
        () => clientService.rotateSecret(id, request.body.overlap, expected(request.headers['if-match'])),
      );
      const shown = view(rotated);
      return reply
        .code(201)
        .header('etag', tagOfClient(shown))
        .send({ ...shown, secret: secret.reveal() });
    },
  );

  app.delete(
    '/v1/clients/:id',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'removeClient',
        tags,
        summary: 'Remove a client of the store; its tokens, and the sessions that came through it, end',
        params: clientParams,
        headers: preconditionFields,
        response: answers({ 204: nothing }, 404, 409, 412, 422),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const client = subjectOfClient(id);
      await makeAuditedChange(
        context,
        request,
        { action: 'clients.remove', about: { credential: client } },
        async (administrator) => {
          const by = `admin:${administrator}`;
          const removed = await clientService.remove(
            id,
            by,
            undefined,
            expected(request.headers['if-match']),
          );
          if (!removed.ok) return removed;
          // They are refused already; what is listed should be what is open.
          return ok(await sessions.endAll({ kind: 'client', client }, {}, { by }));
        },
        ({ ended }) => ({ reason: `${ended} sessions` }),
      );
      return reply.code(204).send();
    },
  );
}
