import { definedMembers } from '../../base/defined-members.ts';
import type { TenantStatus } from '../../tenants/tenant.ts';
import type { AdminApp, AdminContext } from '../admin-context.ts';
import { makeAuditedChange } from '../audited-change.ts';
import { problemOf } from '../problem.ts';
import { changeTenantBody, createTenantBody, reasonBody, tenantParams } from '../schemas.ts';
import { viewTenant } from '../views.ts';

const STATUS_CHANGES: readonly (readonly [string, TenantStatus])[] = [
  ['suspend', 'suspended'],
  ['resume', 'active'],
];

export function tenantRoutes(app: AdminApp, context: AdminContext): void {
  const { tenantService } = context;

  app.post('/v1/tenants', { schema: { body: createTenantBody } }, async (request, reply) => {
    const { id, name = id } = request.body;
    const created = await makeAuditedChange(
      context,
      request,
      { action: 'tenants.create', about: { tenant: id } },
      () => tenantService.create({ ...request.body, name }),
    );
    return reply.code(201).send(viewTenant(created));
  });

  app.get('/v1/tenants', async () => ({ tenants: (await tenantService.list()).map(viewTenant) }));

  app.get('/v1/tenants/:id', { schema: { params: tenantParams } }, async (request) => {
    const found = await tenantService.find(request.params.id);
    if (!found.ok) throw problemOf(found.error);
    return viewTenant(found.value);
  });

  app.patch(
    '/v1/tenants/:id',
    { schema: { params: tenantParams, body: changeTenantBody } },
    async (request) => {
      const { id } = request.params;
      const { revision, ...change } = request.body;
      const changed = await makeAuditedChange(
        context,
        request,
        { action: 'tenants.update', about: { tenant: id } },
        () => tenantService.update(id, definedMembers(change), revision),
      );
      return viewTenant(changed);
    },
  );

  for (const [verb, status] of STATUS_CHANGES) {
    app.post(
      `/v1/tenants/:id/${verb}`,
      { schema: { params: tenantParams, body: reasonBody } },
      async (request) => {
        const { id } = request.params;
        const changed = await makeAuditedChange(
          context,
          request,
          { action: `tenants.${verb}`, about: definedMembers({ tenant: id, reason: request.body?.reason }) },
          () => tenantService.setStatus(id, status),
        );
        return viewTenant(changed);
      },
    );
  }

  app.delete('/v1/tenants/:id', { schema: { params: tenantParams } }, async (request, reply) => {
    const { id } = request.params;
    await makeAuditedChange(context, request, { action: 'tenants.delete', about: { tenant: id } }, () =>
      tenantService.delete(id),
    );
    return reply.code(204).send();
  });
}
