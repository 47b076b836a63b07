import Fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { createFailureBudget } from '../authentication/failure-budget.ts';
import { StoreUnavailable } from '../base/outage.ts';
import { withoutQuery } from '../telemetry/redaction.ts';
import type { AdminApp, AdminContext } from './admin-context.ts';
import { ADMINISTRATOR, administrationRecord, DECISION_ID, newDecisionId } from './audited-change.ts';
import { AdminProblem, type AdminProblemStatus, type FieldError, problemBody } from './problem.ts';
import { keyRoutes } from './routes/keys.ts';
import { operationRoutes } from './routes/operations.ts';
import { revocationRoutes } from './routes/revocations.ts';
import { tenantRoutes } from './routes/tenants.ts';

/** Key imports are the largest requests, and one line each. */
const BODY_BYTES = 64 * 1024;
/** Revocation ids hold escaped issuers and token ids. */
const PARAMETER_CHARACTERS = 4096;

/**
 * The administration API under `/v1`. Every request needs a bearer admin token; every change is audited; bodies are
 * never logged. The caller lets it listen and closes it.
 */
export function createAdminListener(context: AdminContext): AdminApp {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: PARAMETER_CHARACTERS },
    // A malformed URL passes no hook; the default answer would echo it.
    frameworkErrors: (error, _request, reply) => {
      send(reply, new AdminProblem(400, 'The request target is malformed.'), newDecisionId());
      context.log.debug({ err: error }, 'an administration request was malformed');
    },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.decorateRequest(ADMINISTRATOR, '');
  app.decorateRequest(DECISION_ID, '');
  const authenticate = createAuthentication(context);

  app.addHook('onRequest', async (request, reply) => {
    request.setDecorator(DECISION_ID, newDecisionId());
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    request.setDecorator(ADMINISTRATOR, authenticate(request));
  });
  app.addHook('onResponse', async (request, reply) => {
    context.log.debug(
      {
        decisionId: request.getDecorator<string>(DECISION_ID),
        administrator: request.getDecorator<string>(ADMINISTRATOR),
        method: request.method,
        path: withoutQuery(request.url),
        status: reply.statusCode,
      },
      'administration request',
    );
  });
  app.setNotFoundHandler(() => {
    throw new AdminProblem(404, 'There is no such resource.');
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const decisionId = request.getDecorator<string>(DECISION_ID);
    const problem = problemOfError(error);
    if (problem.status >= 500)
      context.log.error({ err: error, decisionId }, 'an administration request failed');
    send(reply, problem, decisionId);
  });

  keyRoutes(app, context);
  tenantRoutes(app, context);
  revocationRoutes(app, context);
  operationRoutes(app, context);
  return app;
}

/** Beyond it a peer's failures are answered 429 and no longer recorded. */
const FAILED_TOKENS = { count: 20, windowMilliseconds: 60_000 } as const;
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/** Gives the name of the token, or throws the problem. A right token is never locked out by wrong ones of its peer. */
function createAuthentication(context: AdminContext): (request: FastifyRequest) => string {
  const budget = createFailureBudget(FAILED_TOKENS);
  return (request) => {
    const presented = BEARER.exec(request.headers.authorization ?? '')?.[1];
    const name = presented === undefined ? undefined : context.tokens.nameOf(presented);
    if (name !== undefined) return name;
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

function send(reply: FastifyReply, problem: AdminProblem, decisionId: string): void {
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="gatehouse-admin"');
  if (problem.retryAfterSeconds !== undefined) reply.header('retry-after', problem.retryAfterSeconds);
  reply
    .code(problem.status)
    .type('application/problem+json')
    .send(JSON.stringify(problemBody(problem, decisionId)));
}

/** Statuses of the framework that say what the client did wrong, with a sentence that repeats nothing of the request. */
const FRAMEWORK_DETAILS: Readonly<Record<number, string>> = {
  400: 'The request is malformed: JSON is expected.',
  413: `The body is larger than ${BODY_BYTES} bytes.`,
  415: 'The body must be application/json.',
};

function problemOfError(error: FastifyError): AdminProblem {
  if (error instanceof AdminProblem) return error;
  if (error instanceof StoreUnavailable) {
    return new AdminProblem(503, 'The store is not available; nothing was acknowledged.', {
      retryAfterSeconds: 1,
    });
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    return new AdminProblem(422, 'The request is not valid.', { errors: fieldErrors(error) });
  }
  const detail = FRAMEWORK_DETAILS[error.statusCode ?? 500];
  return detail === undefined
    ? new AdminProblem(500, 'A fault of the gateway; its log says more under the decision id.')
    : new AdminProblem(error.statusCode as AdminProblemStatus, detail);
}

function fieldErrors(error: {
  readonly validation: readonly { readonly instancePath: string; readonly message?: string }[];
  readonly validationContext?: string | undefined;
}): readonly FieldError[] {
  const part = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'request');
  return error.validation.map(({ instancePath, message }) => ({
    path: part + instancePath.replaceAll('/', '.'),
    message: message ?? 'not valid',
  }));
}
