import { definedMembers } from '../../base/defined-members.ts';
import type { Expectation } from '../../base/expectation.ts';
import type { TenantStatus } from '../../tenants/tenant.ts';
import type { AdministeredTenant } from '../../tenants/tenant-service.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { makeAuditedChange } from '../audited-change.ts';
import { isMatch, tagOfTenant } from '../entity-tag.ts';
import { problemOf } from '../problem.ts';
import { answers, nothing, OF_BODY } from '../schemas/answers.ts';
import { preconditionFields } from '../schemas/precondition.ts';
import { reasonBody } from '../schemas/scalars.ts';
import {
  changeTenantBody,
  createTenantBody,
  tenantParams,
  tenantsView,
  tenantView,
} from '../schemas/tenants.ts';
import { viewTenant } from '../views.ts';

interface StatusChange {
  readonly verb: 'suspend' | 'resume';
  readonly status: TenantStatus;
  readonly summary: string;
}

const STATUS_CHANGES: readonly StatusChange[] = [
  { verb: 'suspend', status: 'suspended', summary: 'Refuse every request of a tenant from now on' },
  { verb: 'resume', status: 'active', summary: 'End the suspension of a tenant' },
];
const tags = ['tenants'];

export function tenantRoutes(app: AdminApp, context: AdminContext): void {
  const { tenantService } = context;

  app.post(
    '/v1/tenants',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'createTenant',
        tags,
        summary: 'Add a tenant to the store, under an id of your choice',
        body: createTenantBody,
        response: answers({ 201: tenantView }, 409, ...OF_BODY),
      },
    },
    async (request, reply) => {
      const { id, name = id } = request.body;
      const created = await makeAuditedChange(
        context,
        request,
        { action: 'tenants.create', about: { tenant: id } },
        () => tenantService.create({ ...definedMembers(request.body), name }),
      );
      const view = viewTenant(created);
      return reply.code(201).header('etag', tagOfTenant(view)).send(view);
    },
  );

  app.get(
    '/v1/tenants',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listTenants',
        tags,
        summary: 'All tenants, sorted by id',
        response: answers({ 200: tenantsView }),
      },
    },
    async () => ({ tenants: (await tenantService.list()).map(viewTenant) }),
  );

  app.get(
    '/v1/tenants/:id',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'getTenant',
        tags,
        summary: 'One tenant, with its ETag',
        params: tenantParams,
        response: answers({ 200: tenantView }, 404, 422),
      },
    },
    async (request, reply) => {
      const found = await tenantService.find(request.params.id);
      if (!found.ok) throw problemOf(found.error);
      const view = viewTenant(found.value);
      return reply.header('etag', tagOfTenant(view)).send(view);
    },
  );

  app.patch(
    '/v1/tenants/:id',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'changeTenant',
        tags,
        summary: 'Change name, hosts, issuers or limit of a tenant of the store',
        params: tenantParams,
        headers: preconditionFields,
        body: changeTenantBody,
        response: answers({ 200: tenantView }, 404, 409, 412, ...OF_BODY),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const changed = await makeAuditedChange(
        context,
        request,
        { action: 'tenants.update', about: { tenant: id } },
        () =>
          tenantService.update(id, definedMembers(request.body), expectedTenant(request.headers['if-match'])),
      );
      const view = viewTenant(changed);
      return reply.header('etag', tagOfTenant(view)).send(view);
    },
  );

  for (const { verb, status, summary } of STATUS_CHANGES) {
    app.post(
      `/v1/tenants/:id/${verb}`,
      {
        config: { role: 'operator' },
        schema: {
          operationId: `${verb}Tenant`,
          tags,
          summary,
          params: tenantParams,
          headers: preconditionFields,
          body: reasonBody,
          response: answers({ 200: tenantView }, 404, 409, 412, ...OF_BODY),
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const changed = await makeAuditedChange(
          context,
          request,
          { action: `tenants.${verb}`, about: definedMembers({ tenant: id, reason: request.body?.reason }) },
          () => tenantService.setStatus(id, status, expectedTenant(request.headers['if-match'])),
        );
        const view = viewTenant(changed);
        return reply.header('etag', tagOfTenant(view)).send(view);
      },
    );
  }

  app.delete(
    '/v1/tenants/:id',
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'deleteTenant',
        tags,
        summary: 'Delete a tenant of the store and all its keys',
        params: tenantParams,
        headers: preconditionFields,
        response: answers({ 204: nothing }, 404, 409, 412, 422),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await makeAuditedChange(context, request, { action: 'tenants.delete', about: { tenant: id } }, () =>
        tenantService.delete(id, expectedTenant(request.headers['if-match'])),
      );
      return reply.code(204).send();
    },
  );
}

/** `undefined`: the request sets no condition. */
function expectedTenant(field: string | undefined): Expectation<AdministeredTenant> | undefined {
  return field === undefined ? undefined : (current) => isMatch(field, tagOfTenant(viewTenant(current)));
}
