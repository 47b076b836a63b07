import Fastify, { type FastifyInstance } from 'fastify';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { CheckReport, Readiness } from './readiness.ts';

export interface OpsListenerOptions {
  readonly metrics: Pick<Metrics, 'expose'>;
  readonly readiness: Readiness;
  readonly log: Log;
}

const TEXT = 'text/plain; charset=utf-8';

/**
 * `/metrics`, `/livez`, `/readyz` for probes and scrapers; no credential is asked for, and nothing that it tells is
 * secret. The caller lets it listen, and closes it last, so that probes see the shutdown.
 */
export function createOpsListener({ metrics, readiness, log }: OpsListenerOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    // Probes keep their connections: waiting for them would hold up the shutdown.
    forceCloseConnections: true,
    requestTimeout: 10_000,
    bodyLimit: 1024,
  });

  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).type(TEXT).send('not found\n'));
  app.setErrorHandler((error: Error & { readonly statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) log.error({ err: error, path: request.url }, 'the ops listener failed');
    return reply.code(status).type(TEXT).send('failed\n');
  });

  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await metrics.expose();
    return reply.header('content-type', contentType).send(body);
  });

  app.get('/livez', (_request, reply) => reply.type(TEXT).send('ok\n'));

  app.get<{ Querystring: Readonly<Record<string, unknown>> }>('/readyz', async (request, reply) => {
    const { isReady, checks } = await readiness.report();
    const isVerbose = 'verbose' in request.query;
    const summary = isReady ? 'ok\n' : `not ready: ${failedRequirements(checks)}\n`;
    const lines = isVerbose ? checks.map(lineOf).join('') : '';
    return reply
      .code(isReady ? 200 : 503)
      .type(TEXT)
      .send(lines + summary);
  });

  return app;
}

function failedRequirements(checks: readonly CheckReport[]): string {
  return checks
    .filter(({ effect, isOk }) => effect === 'required' && !isOk)
    .map(({ name }) => name)
    .join(', ');
}

function lineOf({ name, effect, isOk, detail }: CheckReport): string {
  const verdict = isOk ? 'ok' : effect === 'required' ? 'failed' : 'failed, traffic is served all the same';
  const text = detail === undefined ? verdict : `${verdict}: ${detail.replace(/\s+/g, ' ')}`;
  return `[${isOk ? '+' : '-'}]${name} ${text}\n`;
}
