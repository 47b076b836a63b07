import type { TenantId } from '../../../src/tenants/tenant.ts';
import { PUBLIC_HOST } from '../../load/request.ts';
import { loadKnownKeys, loadTenants } from '../bulk-load.ts';
import { ADMIN_TOKEN, presentingKeys } from '../gateway-on-redis.ts';
import type { Population } from './population.ts';

const KNOWN_TENANTS = 10;

function idOf(serial: number): TenantId {
  return `tenant-${serial}` as TenantId;
}

export const TENANTS: Population = {
  name: 'tenants',
  about:
    'start, memory, cost of a request and of the change of a tenant with many tenants in Redis, against ten',
  records: 'tenants',
  least: KNOWN_TENANTS,
  many: 100_000,
  /** Clients name their tenant by the host, and it has to be that of their key. */
  async known(redis, count) {
    const keys = await loadKnownKeys(redis, count, (index) => idOf(index % KNOWN_TENANTS));
    const { config } = presentingKeys([]);
    return {
      accept: ['apiKey'],
      config: { ...config, issuers: {}, tenants: {}, tenantHosts: [`{tenant}.${PUBLIC_HOST}`] },
      requests: keys.map(({ key }, index) => ({
        'X-Api-Key': key,
        Host: `${idOf(index % KNOWN_TENANTS)}.${PUBLIC_HOST}`,
      })),
    };
  },
  load: (redis, count) => loadTenants(redis, count, idOf),
  kinds: ['remembered key', 'asked of Redis'],
  requests: ({ requests }) => [requests[0] ?? '', requests],
  change: {
    about: 'the change of one tenant, tenants',
    times: 10,
    async make({ adminPort }, turn) {
      const id = idOf(turn % KNOWN_TENANTS);
      const answer = await fetch(`http://127.0.0.1:${adminPort}/v1/tenants/${id}`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: `Tenant ${turn}` }),
      });
      if (!answer.ok)
        throw new Error(`the change of a tenant was answered ${answer.status}: ${await answer.text()}`);
    },
    settlesMs: 1500,
  },
};
