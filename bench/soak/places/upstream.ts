/**
 * The upstream of the soak, as a process of its own. It answers, logs users in, echoes WebSockets, and under /faults/ does what the last
 * segment of the path says. Reports its port over IPC, and ends when that closes.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

/** More than the socket buffers of two connections take, so that a client that does not read is noticed. */
const LARGE_BYTES = 48 * 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024, 'x');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** By the last segment of the path. What is sent here is never an orderly end of a connection. */
const FAULTS: Readonly<Record<string, Answer>> = {
  '503': (_, response) => void response.writeHead(503, { 'Content-Length': '4' }).end('busy'),
  reset: ({ socket }) => void socket.resetAndDestroy(),
  stall: () => {},
  garbage: ({ socket }) => void socket.end('\u0016\u0003 this is not HTTP\r\n\r\n'),
  head: ({ socket }) => void socket.end('HTTP/1.1 200 OK\r\nContent-Ty'),
  short({ socket }) {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(100)}`, () =>
      socket.destroySoon(),
    );
  },
};

function answerJson(
  response: ServerResponse,
  value: unknown,
  fields: Readonly<Record<string, string[]>> = {},
): void {
  const body = JSON.stringify(value);
  const type = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(200, { ...type, ...fields }).end(body);
}

/** Any password is right, the user is who it says, and two cookies are set. */
function logIn(response: ServerResponse, body: Buffer): void {
  const { user } = JSON.parse(body.toString() || '{"user":""}') as { user: string };
  const cookies = [
    `ASP.NET_SessionId=${randomBytes(12).toString('hex')}; Path=/`,
    `auth=${randomBytes(32).toString('hex')}; Path=/`,
  ];
  answerJson(
    response,
    { user: { id: user, name: 'Anna Ackermann', roles: ['clerk'] } },
    { 'Set-Cookie': cookies },
  );
}

function sendLarge(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Length': String(LARGE_BYTES) });
  let left = LARGE_BYTES / PIECE.length;
  const more = (): void => {
    while (left > 0) {
      left -= 1;
      if (!response.write(PIECE)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const [segment = ''] = (request.url ?? '').split('?')[0]?.split('/').slice(-1) ?? [];
  const fault = request.url?.startsWith('/faults/') === true ? FAULTS[segment] : undefined;
  if (fault !== undefined) return fault(request, response);
  if (segment === 'large') return sendLarge(response);
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A client that leaves takes its request with it.
  request.on('error', () => {});
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    if (segment === 'login') logIn(response, body);
    else answerJson(response, { bytes: body.length, note: 'x'.repeat(900) });
  });
});
server.on('clientError', (_, socket) => void socket.destroy());

const webSockets = new WebSocketServer({ server });
webSockets.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data: Buffer, isBinary) => {
    if (data.toString() === 'close') socket.close(1000);
    else socket.send(data, { binary: isBinary });
  });
});

process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
