import type { AdminApp, AdminContext } from '../admin-context.ts';
import { answers } from '../schemas/answers.ts';
import { observationsView } from '../schemas/observations.ts';
import { instantOf } from '../views.ts';

/** The report of routes that only observe. */
export function observationRoutes(app: AdminApp, { observations }: AdminContext): void {
  app.get(
    '/v1/observations',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listObservations',
        tags: ['operations'],
        summary: 'What observed routes would have refused since the start, by route, tenant and deny code',
        response: answers({ 200: observationsView }),
      },
    },
    async () => ({
      observations: (await observations()).map(({ tenant, firstAt, lastAt, ...observation }) => ({
        ...observation,
        ...(tenant !== undefined && { tenant }),
        firstAt: instantOf(firstAt),
        lastAt: instantOf(lastAt),
      })),
    }),
  );
}
