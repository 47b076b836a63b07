import type { ApiKey } from '../../api-keys/api-key.ts';
import type { KeyDescription } from '../../api-keys/key-description.ts';
import type { KeyWithState } from '../../api-keys/key-service.ts';
import { stateOfKey } from '../../api-keys/key-state.ts';
import { definedMembers } from '../../base/defined-members.ts';
import type { Expectation } from '../../base/expectation.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { ADMINISTRATOR, makeAuditedChange } from '../audited-change.ts';
import { isMatch, tagOfKey } from '../entity-tag.ts';
import { findKeys } from '../find-keys.ts';
import { problemOf } from '../problem.ts';
import { answers, OF_BODY } from '../schemas/answers.ts';
import {
  createKeyBody,
  idempotencyFields,
  keyPageView,
  keyParams,
  keyView,
  listKeysQuery,
  newKeyView,
  rotatedKeyView,
  rotateKeyBody,
} from '../schemas/keys.ts';
import { preconditionFields } from '../schemas/precondition.ts';
import { reasonBody } from '../schemas/scalars.ts';
import { viewKey } from '../views.ts';

const tags = ['keys'];

export function keyRoutes(app: AdminApp, context: AdminContext): void {
  const { keyService, clock } = context;
  const viewNew = (apiKey: ApiKey) => viewKey({ apiKey, state: stateOfKey(apiKey, new Map(), clock()) });

  app.post(
    '/v1/keys',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'createKey',
        tags,
        summary: 'Issue a key, which is shown once',
        headers: idempotencyFields,
        body: createKeyBody,
        response: answers({ 201: newKeyView }, 409, ...OF_BODY),
      },
    },
    async (request, reply) => {
      const description: KeyDescription = definedMembers(request.body);
      const field = request.headers['idempotency-key'];
      // Two administrators may choose one name.
      const attempt =
        field === undefined ? undefined : `${request.getDecorator<string>(ADMINISTRATOR)}\n${field}`;
      const { apiKey, key } = await makeAuditedChange(
        context,
        request,
        { action: 'keys.create', about: { tenant: description.tenant } },
        () => keyService.create(description, attempt),
        ({ apiKey: { id } }) => ({ credential: `key:${id}` }),
      );
      return reply.code(201).send({ ...viewNew(apiKey), key: key.reveal() });
    },
  );

  app.get(
    '/v1/keys',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listKeys',
        tags,
        summary: 'Keys of the store and of the configuration, sorted by id',
        querystring: listKeysQuery,
        response: answers({ 200: keyPageView }, 422),
      },
    },
    async (request) => {
      const { keys, next } = await findKeys(keyService, definedMembers(request.query), clock());
      return { keys: keys.map(viewKey), ...(next !== undefined && { next }) };
    },
  );

  app.get(
    '/v1/keys/:id',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'getKey',
        tags,
        summary: 'One key, with its ETag',
        params: keyParams,
        response: answers({ 200: keyView }, 404, 422),
      },
    },
    async (request, reply) => {
      const found = await keyService.find(request.params.id);
      if (!found.ok) throw problemOf(found.error);
      const view = viewKey(found.value);
      return reply.header('etag', tagOfKey(view)).send(view);
    },
  );

  app.post(
    '/v1/keys/:id/rotate',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'rotateKey',
        tags,
        summary: 'Issue a successor, which is shown once; the old key is accepted until the overlap ends',
        params: keyParams,
        headers: preconditionFields,
        body: rotateKeyBody,
        response: answers({ 201: rotatedKeyView }, 404, 409, 412, ...OF_BODY),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { overlap, expiresAt } = request.body;
      const { apiKey, key, replaced } = await makeAuditedChange(
        context,
        request,
        { action: 'keys.rotate', about: { credential: `key:${id}` } },
        () =>
          keyService.rotate(
            id,
            definedMembers({ overlapMilliseconds: overlap, expiresAt }),
            expectedKey(request.headers['if-match']),
          ),
        (rotated) => ({ tenant: rotated.apiKey.tenant, reason: `replaced by key:${rotated.apiKey.id}` }),
      );
      return reply.code(201).send({ ...viewNew(apiKey), key: key.reveal(), replaced: viewNew(replaced) });
    },
  );

  app.post(
    '/v1/keys/:id/revoke',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'revokeKey',
        tags,
        summary: 'Refuse a key from now on, on every replica',
        params: keyParams,
        headers: preconditionFields,
        body: reasonBody,
        response: answers({ 200: keyView }, 404, 412, ...OF_BODY),
      },
    },
    async (request) => {
      const { id } = request.params;
      const reason = request.body?.reason;
      const revoked = await makeAuditedChange(
        context,
        request,
        { action: 'keys.revoke', about: definedMembers({ credential: `key:${id}`, reason }) },
        (administrator) =>
          keyService.revoke(id, `admin:${administrator}`, reason, expectedKey(request.headers['if-match'])),
        ({ apiKey: { tenant } }) => ({ tenant }),
      );
      return viewKey(revoked);
    },
  );
}

/** `undefined`: the request sets no condition. */
function expectedKey(field: string | undefined): Expectation<KeyWithState> | undefined {
  return field === undefined ? undefined : (current) => isMatch(field, tagOfKey(viewKey(current)));
}
