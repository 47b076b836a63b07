import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { configSchema, type Settings } from '../../src/config/schema/config.ts';
import { DENY_CODES } from '../../src/http/deny-codes.ts';
import { parseTenantId } from '../../src/tenants/tenant.ts';
import type { ResolveName } from '../../src/upstream/address-guard.ts';
import { lingerBeforeClose } from '../../src/upstream/lingering-close.ts';
import { createPoolRegistry, type PoolRegistry } from '../../src/upstream/pool-registry.ts';
import type { ForwardedRequest, ForwardOutcome, RequestBody, Target } from '../../src/upstream/upstream.ts';
import { createUpstreams, type Upstreams } from '../../src/upstream/upstreams.ts';
import { createRecordedMetrics, type RecordedMetrics } from './recorded-metrics.ts';

/** `upstreams` and `tenants` as an operator writes them; the rest has defaults. */
export function settingsOf(upstreams: object, tenants: object = {}): Settings {
  return configSchema((value) => ({ ok: true, value })).parse({
    listen: {},
    upstreams,
    tenants,
    routes: [{ id: 'all', match: { path: '/**' }, public: true, upstream: Object.keys(upstreams)[0] }],
  });
}

export interface ForwardingGateway {
  readonly port: number;
  readonly server: Server;
  readonly metrics: RecordedMetrics;
  readonly pools: PoolRegistry;
  readonly upstreams: Upstreams;
  /** Of the finished requests, in the order in which they finished. */
  readonly outcomes: ForwardOutcome[];
  /** Resolves with the outcome of this number (from 0). */
  outcome(number: number): Promise<ForwardOutcome>;
  close(): Promise<void>;
}

export interface ForwardingGatewayOptions {
  /** Settings of the upstream `api`. */
  readonly upstream: object;
  readonly tenants?: object;
  /** Overrides of what is forwarded. */
  readonly request?: (received: IncomingMessage) => Partial<ForwardedRequest>;
  readonly fieldsFor?: (target: Target, received: IncomingMessage) => string[];
  readonly bodyLimit?: number;
  readonly bodyIdle?: number;
  readonly bodyRate?: number;
  readonly timeouts?: { readonly headers: number; readonly idle: number };
  readonly resolveName?: ResolveName;
  readonly clock?: () => number;
  readonly pools?: PoolRegistry;
}

/** A bare node:http server that forwards every request, and answers failures with status and code alone. */
export async function startForwardingGateway(options: ForwardingGatewayOptions): Promise<ForwardingGateway> {
  const metrics = createRecordedMetrics();
  const log = pino({ level: 'silent' });
  const { resolveName } = options;
  const pools =
    options.pools ?? createPoolRegistry({ log, metrics, ...(resolveName !== undefined && { resolveName }) });
  const { upstreams: settings, tenants } = settingsOf({ api: options.upstream }, options.tenants);
  const clock = options.clock ?? Date.now;
  const upstreams = createUpstreams(settings, tenants, { pools, metrics, clock });
  const upstream = upstreams.byName.get('api');
  if (upstream === undefined) throw new Error('no upstream');
  const outcomes: ForwardOutcome[] = [];
  const waiting = new Set<() => void>();

  const server = createServer((received, response) => {
    upstream.forward(requestOf(received, options), received, response, (outcome) => {
      outcomes.push(outcome);
      if (outcome.kind === 'failed') answerFailure(outcome.code, received, response);
      for (const check of waiting) check();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    server,
    metrics,
    pools,
    upstreams,
    outcomes,
    outcome: (number) =>
      new Promise((resolve) => {
        const check = () => {
          const outcome = outcomes[number];
          if (outcome !== undefined) resolve(outcome);
        };
        waiting.add(check);
        check();
      }),
    async close() {
      server.closeAllConnections();
      server.close();
      upstreams.release();
      await pools.close(0);
    },
  };
}

function answerFailure(
  code: Extract<ForwardOutcome, { kind: 'failed' }>['code'],
  received: IncomingMessage,
  response: ServerResponse,
): void {
  if (!received.complete) {
    response.setHeader('Connection', 'close');
    lingerBeforeClose(received);
  }
  response.writeHead(DENY_CODES[code].status, { 'Content-Type': 'text/plain' }).end(code);
}

function requestOf(received: IncomingMessage, options: ForwardingGatewayOptions): ForwardedRequest {
  const { timeouts = { headers: 30_000, idle: 60_000 } } = options;
  const tenant = received.headers['x-test-tenant'];
  return {
    method: received.method ?? 'GET',
    target: received.url ?? '/',
    fieldsFor: (target) => options.fieldsFor?.(target, received) ?? defaultFields(target, received),
    body: bodyOf(received, options),
    tenant: typeof tenant === 'string' ? parseTenantId(tenant) : undefined,
    strippedPrefix: '',
    webSocketAccept: undefined,
    answerCookies: undefined,
    crossOrigin: undefined,
    variesBy: undefined,
    publicOrigin: 'https://public.test',
    timeouts,
    ...options.request?.(received),
  };
}

const NOT_FORWARDED = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive']);

function defaultFields(target: Target, received: IncomingMessage): string[] {
  const fields = ['Host', target.authority];
  for (let index = 0; index < received.rawHeaders.length; index += 2) {
    const name = received.rawHeaders[index] ?? '';
    if (!NOT_FORWARDED.has(name.toLowerCase())) fields.push(name, received.rawHeaders[index + 1] ?? '');
  }
  return fields;
}

function bodyOf(received: IncomingMessage, options: ForwardingGatewayOptions): RequestBody {
  const { bodyLimit = 64 * 1024 * 1024, bodyIdle = 30_000, bodyRate = 0 } = options;
  const pace = { idleMilliseconds: bodyIdle, bytesPerSecond: bodyRate };
  if (received.headers['transfer-encoding'] !== undefined)
    return { kind: 'chunked', limit: bodyLimit, ...pace };
  const length = received.headers['content-length'];
  return length === undefined ? { kind: 'none' } : { kind: 'sized', length: Number(length), ...pace };
}
