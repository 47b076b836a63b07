/**
 * The upstream process: fixed answers on bare sockets, so that it costs little of the core that it shares with
 * the load generator. Reports its port over IPC, answers each message there with the last request head, and ends
 * when that closes.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { DOWNLOAD_BYTES, DOWNLOAD_PATH, UPSTREAM_BODY } from './body.ts';
import { createEcho, switchingAnswer } from './echo.ts';
import { createRequestReader } from './request-reader.ts';

function answerOf(body: string | Buffer): Buffer {
  const head = [
    'HTTP/1.1 200 OK',
    'Date: Sat, 21 Nov 2026 12:00:00 GMT',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${body.length}`,
    'ETag: "fixed"',
    '\r\n',
  ].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]);
}

const ANSWER = answerOf(UPSTREAM_BODY);
const DOWNLOAD = answerOf(Buffer.alloc(DOWNLOAD_BYTES, 'x'));
const DOWNLOAD_START = `GET ${DOWNLOAD_PATH} `;

let lastHead = '';

function serve(socket: Socket): void {
  const reader = createRequestReader((head) => {
    lastHead = head;
    const switching = switchingAnswer(head);
    if (switching === undefined) socket.write(head.startsWith(DOWNLOAD_START) ? DOWNLOAD : ANSWER);
    else echo(socket, switching);
  });
  socket.on('data', (chunk) => {
    try {
      reader.feed(chunk);
    } catch {
      // The proxy sees a closed connection, and the load its error.
      socket.destroy();
    }
  });
  // A proxy that is stopped resets its connections.
  socket.on('error', () => socket.destroy());
}

function echo(socket: Socket, switching: string): void {
  const echoed = createEcho();
  socket.removeAllListeners('data');
  socket.on('data', (chunk) => {
    const answers = echoed(chunk.length);
    if (answers.length > 0) socket.write(answers);
  });
  socket.write(switching);
}

const server = createServer({ noDelay: true }, serve);

process.on('message', () => process.send?.(lastHead));
process.on('disconnect', () => process.exit(0));
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.send?.((server.address() as AddressInfo).port);
});
