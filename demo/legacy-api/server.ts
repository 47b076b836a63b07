/** A sample multi-tenant REST API of the old kind: plain node:http, its own keys, its own login. It stands for the upstream that nobody may change. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refuse } from './answer.ts';
import { ECHO_ROUTES } from './echo.ts';
import { EVENT_ROUTES } from './events.ts';
import { FAULT_ROUTES } from './faults.ts';
import { FILE_ROUTES } from './files.ts';
import { HEALTH_ROUTES } from './health.ts';
import { loginRoutes } from './login-sessions.ts';
import { orderRoutes } from './orders.ts';
import { createReceivedLog, type ReceivedRequest } from './received.ts';
import { type Call, handlerFor, methodsOf, type Route } from './route.ts';
import { tenantOf } from './tenants.ts';
import { isWebSocketRequest, serveWebSocket, WEB_SOCKET_ROUTES } from './web-socket.ts';

export interface LegacyApi {
  readonly url: string;
  readonly port: number;
  /** The last 100 requests, oldest first, upgrades included. */
  readonly received: () => readonly ReceivedRequest[];
  /** Ends open connections too. */
  readonly close: () => Promise<void>;
}

function notAllowed(route: Route, response: ServerResponse): void {
  response.setHeader('Allow', methodsOf(route));
  refuse(response, 405, 4050, 'Method not allowed');
}

async function callRoute(route: Route, call: Call): Promise<void> {
  const method = call.request.method ?? '';
  if (route.kind === 'public') {
    const handle = handlerFor(route.handlers, method);
    return handle === undefined ? notAllowed(route, call.response) : handle(call);
  }
  const tenant = tenantOf(call.request);
  if (tenant === undefined) return refuse(call.response, 401, 4011, 'Invalid or missing API key');
  const handle = handlerFor(route.handlers, method);
  return handle === undefined ? notAllowed(route, call.response) : handle(call, tenant);
}

async function answerRequest(
  routes: readonly Route[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path = '', ...query] = (request.url ?? '').split('?');
  for (const route of routes) {
    const match = route.path.exec(path);
    if (match === null) continue;
    const call = {
      request,
      response,
      query: new URLSearchParams(query.join('?')),
      parameter: match[1] ?? '',
    };
    return callRoute(route, call);
  }
  refuse(response, 404, 4040, 'No such resource');
}

/** A client that left needs no answer; anything else that went wrong is a 500, or a torn answer when it had begun. */
function answerFailure(response: ServerResponse): void {
  if (response.headersSent || response.destroyed) response.destroy();
  else refuse(response, 500, 5000, 'Internal error');
}

/** Port 0 takes a free one; `host` is 127.0.0.1 by default. Rejects when the port is taken. */
export async function startLegacyApi(options: {
  readonly port: number;
  readonly host?: string;
  /** Called for every request, upgrades included, before it is answered. */
  readonly onReceived?: (request: ReceivedRequest) => void;
}): Promise<LegacyApi> {
  const { port, host = '127.0.0.1', onReceived } = options;
  const log = createReceivedLog(onReceived);
  const routes = [
    ...HEALTH_ROUTES,
    ...log.routes,
    ...loginRoutes(),
    ...orderRoutes(),
    ...FILE_ROUTES,
    ...EVENT_ROUTES,
    ...FAULT_ROUTES,
    ...ECHO_ROUTES,
    ...WEB_SOCKET_ROUTES,
  ];
  const server = createServer({ shouldUpgradeCallback: isWebSocketRequest }, (request, response) => {
    log.record(request);
    answerRequest(routes, request, response).catch(() => answerFailure(response));
  });
  const endWebSockets = serveWebSocket(server, log.record);
  server.on('clientError', (_error, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    else socket.destroy();
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;

  async function close(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    endWebSockets();
    server.closeAllConnections();
    await closed;
  }

  return { url: `http://${host}:${address.port}`, port: address.port, received: log.all, close };
}
