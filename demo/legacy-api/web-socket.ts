/** The WebSocket echo at `/api/ws`. */
import type { IncomingMessage, Server } from 'node:http';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { refuse } from './answer.ts';
import type { Call, Route } from './route.ts';
import { tenantOf } from './tenants.ts';

const MAX_MESSAGE_BYTES = 1024 * 1024;
const PATH = /^\/api\/ws(?:\?.*)?$/;

/** Upgrades that this answers to; any other request is an ordinary one, whatever its `Upgrade` field says. */
export function isWebSocketRequest(request: IncomingMessage): boolean {
  return (
    request.headers.upgrade?.toLowerCase() === 'websocket' &&
    PATH.test(request.url ?? '') &&
    tenantOf(request) !== undefined
  );
}

/** The next message is not read before this one is written, so a client that does not read stops being heard. */
function echoMessages(socket: WebSocket): void {
  socket.on('error', () => socket.terminate());
  socket.on('message', (data: RawData, isBinary: boolean) => {
    socket.pause();
    socket.send(data, { binary: isBinary }, () => socket.resume());
  });
}

/** Takes the server's upgrades. The returned function ends all open sockets at once. */
export function serveWebSocket(server: Server, onRequest: (request: IncomingMessage) => void): () => void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  server.on('upgrade', (request, socket, head) => {
    onRequest(request);
    sockets.handleUpgrade(request, socket, head, echoMessages);
  });
  return () => {
    for (const socket of sockets.clients) socket.terminate();
  };
}

/** A request that did not ask for the upgrade. */
function askForUpgrade(call: Call): void {
  call.response.setHeader('Upgrade', 'websocket');
  call.response.setHeader('Connection', 'Upgrade');
  refuse(call.response, 426, 4260, 'WebSocket only');
}

export const WEB_SOCKET_ROUTES: readonly Route[] = [
  { kind: 'tenant', path: /^\/api\/ws$/, handlers: { GET: askForUpgrade } },
];
