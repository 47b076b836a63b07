import Fastify, { type FastifyError, type FastifyReply } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { StoreUnavailable } from '../base/outage.ts';
import { withoutQuery } from '../telemetry/redaction.ts';
import { guardAccess } from './access.ts';
import type { AdminApp, AdminContext } from './admin-context.ts';
import { ADMINISTRATOR, DECISION_ID, newDecisionId } from './audited-change.ts';
import { describeApi, documentRoute } from './openapi.ts';
import { AdminProblem, type AdminProblemStatus, type FieldError, problemBody } from './problem.ts';
import { backupRoutes } from './routes/backup.ts';
import { clientRoutes } from './routes/clients.ts';
import { importRoutes } from './routes/imports.ts';
import { keyRoutes } from './routes/keys.ts';
import { observationRoutes } from './routes/observations.ts';
import { operationRoutes } from './routes/operations.ts';
import { revocationRoutes } from './routes/revocations.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { tenantRoutes } from './routes/tenants.ts';

/** Of requests that are about one thing. */
const BODY_BYTES = 64 * 1024;
/** Revocation ids hold escaped issuers and token ids. */
const PARAMETER_CHARACTERS = 4096;

const ROUTES = [
  keyRoutes,
  importRoutes,
  tenantRoutes,
  clientRoutes,
  sessionRoutes,
  revocationRoutes,
  observationRoutes,
  operationRoutes,
  backupRoutes,
];

/**
 * The administration API under `/v1`, described at `/openapi.json`. Every request needs a bearer admin token of the role
 * that its route names; every change is audited; bodies are never logged. The caller lets it listen and closes it.
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
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest(ADMINISTRATOR, '');
  app.decorateRequest(DECISION_ID, '');

  app.addHook('onRequest', async (request, reply) => {
    request.setDecorator(DECISION_ID, newDecisionId());
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  guardAccess(app, context);
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

  describeApi(app, context.version);
  // In a plugin of its own, since the description hears of routes that come after it is loaded.
  app.register((scope, _options, done) => {
    const routes = scope.withTypeProvider<ZodTypeProvider>();
    for (const register of ROUTES) register(routes, context);
    documentRoute(routes);
    done();
  });
  return app;
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
  413: 'The body is too large.',
  415: 'The body has a media type that this resource does not take.',
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
