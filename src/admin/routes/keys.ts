import type { ApiKey } from '../../api-keys/api-key.ts';
import type { KeyDescription } from '../../api-keys/key-service.ts';
import { stateOfKey } from '../../api-keys/key-state.ts';
import { definedMembers } from '../../base/defined-members.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { makeAuditedChange } from '../audited-change.ts';
import { problemOf } from '../problem.ts';
import {
  createKeyBody,
  importKeyBody,
  keyParams,
  listKeysQuery,
  reasonBody,
  rotateKeyBody,
} from '../schemas.ts';
import { viewKey } from '../views.ts';

export function keyRoutes(app: AdminApp, context: AdminContext): void {
  const { keyService, clock } = context;
  const viewNew = (apiKey: ApiKey) => viewKey({ apiKey, state: stateOfKey(apiKey, new Map(), clock()) });

  app.post('/v1/keys', { schema: { body: createKeyBody } }, async (request, reply) => {
    const description: KeyDescription = definedMembers(request.body);
    const { apiKey, key } = await makeAuditedChange(
      context,
      request,
      { action: 'keys.create', about: { tenant: description.tenant } },
      () => keyService.create(description),
      ({ apiKey: { id } }) => ({ credential: `key:${id}` }),
    );
    return reply.code(201).send({ ...viewNew(apiKey), key: key.reveal() });
  });

  app.post('/v1/keys/import', { schema: { body: importKeyBody } }, async (request, reply) => {
    const { tenant } = request.body;
    const { apiKey, warnings } = await makeAuditedChange(
      context,
      request,
      { action: 'keys.import', about: { tenant } },
      () => keyService.import(definedMembers(request.body)),
      ({ apiKey: { id } }) => ({ credential: `key:${id}` }),
    );
    return reply.code(201).send({ ...viewNew(apiKey), warnings });
  });

  app.get('/v1/keys', { schema: { querystring: listKeysQuery } }, async (request) => {
    const { limit } = request.query;
    // One more than asked for tells whether there is another page.
    const found = await keyService.list({ ...definedMembers(request.query), limit: limit + 1 });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      keys: page.map(viewKey),
      ...(found.length > limit && last !== undefined && { next: last.apiKey.id }),
    };
  });

  app.get('/v1/keys/:id', { schema: { params: keyParams } }, async (request) => {
    const found = await keyService.find(request.params.id);
    if (!found.ok) throw problemOf(found.error);
    return viewKey(found.value);
  });

  app.post(
    '/v1/keys/:id/rotate',
    { schema: { params: keyParams, body: rotateKeyBody } },
    async (request, reply) => {
      const { id } = request.params;
      const { overlap, expiresAt } = request.body;
      const { apiKey, key, replaced } = await makeAuditedChange(
        context,
        request,
        { action: 'keys.rotate', about: { credential: `key:${id}` } },
        () => keyService.rotate(id, definedMembers({ overlapMilliseconds: overlap, expiresAt })),
        (rotated) => ({ tenant: rotated.apiKey.tenant, reason: `replaced by key:${rotated.apiKey.id}` }),
      );
      return reply.code(201).send({ ...viewNew(apiKey), key: key.reveal(), replaced: viewNew(replaced) });
    },
  );

  app.post('/v1/keys/:id/revoke', { schema: { params: keyParams, body: reasonBody } }, async (request) => {
    const { id } = request.params;
    const reason = request.body?.reason;
    const revoked = await makeAuditedChange(
      context,
      request,
      { action: 'keys.revoke', about: definedMembers({ credential: `key:${id}`, reason }) },
      (administrator) => keyService.revoke(id, `admin:${administrator}`, reason),
      ({ apiKey: { tenant } }) => ({ tenant }),
    );
    return viewKey(revoked);
  });
}
