import { type Denial, denial } from '../authorization/denial.ts';
import { OpenCounts } from '../limits/open-counts.ts';
import type { Admitted } from './admit.ts';

/** Most requests, event streams and WebSockets at a time; absent: as many as there are. */
export interface ConcurrencyLimits {
  readonly perTenant?: number | undefined;
  readonly perPrincipal?: number | undefined;
}

/** What an admitted request holds until it is over. */
export interface OpenRequest {
  readonly tenant: string | undefined;
  readonly principal: string | undefined;
}

/**
 * What is open in this process, by tenant and principal, over all generations of the configuration. A tenant whose upstream is slow
 * holds no more connections than its share, and the others go on.
 */
export interface OpenRequests {
  enter(admitted: Pick<Admitted, 'tenant' | 'principal'>, limits: ConcurrencyLimits): OpenRequest | Denial;
  leave(request: OpenRequest): void;
}

const RETRY_AFTER_SECONDS = 1;

export function createOpenRequests(): OpenRequests {
  const tenants = new OpenCounts();
  const principals = new OpenCounts();
  return {
    enter({ tenant, principal }, { perTenant, perPrincipal }) {
      const tenantKey = perTenant === undefined ? undefined : tenant?.id;
      const principalKey = perPrincipal === undefined ? undefined : principal?.subject;
      if (tenantKey !== undefined && !tenants.enter(tenantKey, perTenant ?? 0))
        return tooMany(`${tenantKey} has ${perTenant} requests open`);
      if (principalKey !== undefined && !principals.enter(principalKey, perPrincipal ?? 0)) {
        if (tenantKey !== undefined) tenants.leave(tenantKey);
        return tooMany(`${principalKey} has ${perPrincipal} requests open`);
      }
      return { tenant: tenantKey, principal: principalKey };
    },
    leave({ tenant, principal }) {
      if (tenant !== undefined) tenants.leave(tenant);
      if (principal !== undefined) principals.leave(principal);
    },
  };
}

function tooMany(reason: string): Denial {
  return denial('concurrency_limited', reason, { retryAfterSeconds: RETRY_AFTER_SECONDS });
}
