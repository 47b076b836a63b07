import type { FastifyRequest } from 'fastify';
import { createFailureBudget } from '../authentication/failure-budget.ts';
import { createRateBuckets } from '../limits/rate-buckets.ts';
import type { AdminApp, AdminContext } from './admin-context.ts';
import type { Administrator } from './admin-tokens.ts';
import { ADMINISTRATOR, administrationRecord } from './audited-change.ts';
import { AdminProblem } from './problem.ts';
import { isAtLeast } from './roles.ts';

/** Beyond it a peer's failures are answered 429 and no longer recorded. */
const FAILED_TOKENS = { count: 20, windowMilliseconds: 60_000 } as const;
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/** Every request needs a token, also for what is not there; every route, the role that it names. */
export function guardAccess(app: AdminApp, context: AdminContext): void {
  const authenticate = createAuthentication(context);
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.role === undefined) throw new Error(`${String(method)} ${url} names no role`);
  });
  app.addHook('onRequest', async (request) => {
    const { name, role } = authenticate(request);
    request.setDecorator(ADMINISTRATOR, name);
    const least = request.routeOptions.config.role;
    if (least === undefined || isAtLeast(role, least)) return;
    context.audit.record({
      ...administrationRecord(context, request),
      decision: 'denied',
      code: 'admin.authorize',
      reason: `the role ${role} does not suffice: ${least} is needed`,
    });
    throw new AdminProblem(403, `This needs a token of the role ${least}; yours is ${role}.`);
  });
}

/** Gives whose token it is, or throws the problem. A right token is never locked out by wrong ones of its peer. */
function createAuthentication(context: AdminContext): (request: FastifyRequest) => Administrator {
  const budget = createFailureBudget(FAILED_TOKENS, createRateBuckets());
  return (request) => {
    const presented = BEARER.exec(request.headers.authorization ?? '')?.[1];
    const administrator = presented === undefined ? undefined : context.tokens.find(presented);
    if (administrator !== undefined) return administrator;
    const now = context.clock();
    const retryAfterSeconds = budget.isExhausted(request.ip, now);
    if (retryAfterSeconds !== undefined) {
      throw new AdminProblem(429, 'Too many requests without a valid admin token.', { retryAfterSeconds });
    }
    budget.recordFailure(request.ip, now);
    context.audit.record({
      ...administrationRecord(context, request),
      decision: 'denied',
      code: 'admin.authenticate',
      reason: presented === undefined ? 'no bearer token' : 'wrong bearer token',
    });
    throw new AdminProblem(401, 'A valid admin token is required, as `Authorization: Bearer …`.');
  };
}
