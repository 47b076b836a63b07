import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import { type ConfigObject, startTestGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts';

/** An upstream of the `ws` package: echoes, and remembers what it saw. Its plain requests are event streams on /live/events. */
export interface WebSocketUpstream {
  readonly origin: string;
  /** Of handshakes and plain requests. */
  readonly requests: IncomingMessage[];
  readonly sockets: WebSocket[];
  /** Closings that its sockets saw: code and reason. */
  readonly closings: string[];
  close(): Promise<void>;
}

export async function startWebSocketUpstream(options: ServerOptions = {}): Promise<WebSocketUpstream> {
  const requests: IncomingMessage[] = [];
  const sockets: WebSocket[] = [];
  const closings: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(request);
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write('data: first\n\n');
    response.on('close', () => closings.push('stream'));
  });
  const webSockets = new WebSocketServer({ server, ...options });
  webSockets.on('connection', (socket, request) => {
    requests.push(request);
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('close', (code, reason) => closings.push(`${code} ${reason.toString()}`.trim()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    sockets,
    closings,
    async close() {
      for (const socket of webSockets.clients) socket.terminate();
      webSockets.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The fields of a handshake that is in order. */
export const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
} as const;

export const ORIGIN = 'https://app.example.com';

/** Tenants acme and globex; /live/** takes keys and tokens and has WebSockets, /plain/** has none, /open/** is public. */
export function webSocketConfig(origin: string, changes: ConfigObject = {}): ConfigObject {
  const websocket = { origins: [ORIGIN] };
  return {
    tenants: { acme: {}, globex: {} },
    upstreams: {
      api: {
        targets: [origin],
        identity: {
          fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{subject}' },
          assertion: {},
        },
      },
    },
    routes: [
      {
        id: 'live',
        match: { path: '/live/**' },
        accept: ['apiKey', 'bearer'],
        websocket,
        upstream: 'api',
      },
      { id: 'plain', match: { path: '/plain/**' }, accept: ['apiKey'], upstream: 'api' },
      { id: 'open', match: { path: '/open/**' }, public: true, websocket, upstream: 'api' },
    ],
    ...changes,
  };
}

export interface WebSocketScene {
  readonly upstream: WebSocketUpstream;
  readonly gateway: TestGateway;
  readonly key: { readonly id: string; readonly key: string };
  /** A connection of the `ws` package that is open. */
  readonly open: (options?: OpenOptions) => Promise<WebSocket>;
}

export interface OpenOptions {
  readonly path?: string;
  /** `undefined`: none. */
  readonly key?: string | undefined;
  readonly fields?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  readonly settings?: WebSocket.ClientOptions;
}

export async function webSocketScene(
  options: {
    readonly upstream?: ServerOptions;
    readonly config?: (origin: string) => ConfigObject;
    readonly gateway?: TestGatewayOptions;
  } = {},
): Promise<WebSocketScene> {
  const upstream = await startWebSocketUpstream(options.upstream);
  onTestFinished(() => upstream.close());
  const gateway = await startTestGateway(
    (options.config ?? webSocketConfig)(upstream.origin),
    options.gateway,
  );
  onTestFinished(() => gateway.stop());
  const key = await gateway.issueKey('acme');
  return {
    upstream,
    gateway,
    key,
    async open(wanted = {}) {
      const socket = dial(gateway.port, { key: key.key, ...wanted });
      onTestFinished(() => socket.terminate());
      await once(socket, 'open');
      return socket;
    },
  };
}

/** Begins a connection; whoever calls waits for `open`, or for `error` or `unexpected-response`. */
export function dial(
  port: number,
  { path = '/live/chat', key, fields = {}, protocols = [], settings = {} }: OpenOptions,
): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${port}${path}`, [...protocols], {
    ...settings,
    headers: { ...(key !== undefined && { 'X-API-Key': key }), ...fields },
  });
}

/** Code and reason that a socket is closed with, and the milliseconds until then. */
export async function closingOf(
  socket: WebSocket,
): Promise<{ readonly code: number; readonly reason: string; readonly milliseconds: number }> {
  const began = performance.now();
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return { code, reason: reason.toString(), milliseconds: performance.now() - began };
}
