/**
 * The upstream process: a fixed answer to each request head, on bare sockets, so that it costs little of the
 * core that it shares with the load generator. Reports its port over IPC, answers each message there with the
 * last request head, and ends when that closes.
 */
import { type AddressInfo, createServer } from 'node:net';
import { UPSTREAM_BODY, UPSTREAM_BODY_BYTES } from './body.ts';

const ANSWER = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'Date: Sat, 21 Nov 2026 12:00:00 GMT',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${UPSTREAM_BODY_BYTES}`,
    'ETag: "fixed"',
    '',
    UPSTREAM_BODY,
  ].join('\r\n'),
  'latin1',
);
const HEAD_END = '\r\n\r\n';

let lastHead = '';

const server = createServer({ noDelay: true }, (socket) => {
  let rest = '';
  socket.on('data', (chunk) => {
    // Only GET: the end of a head is the end of a request.
    const heads = (rest + chunk.toString('latin1')).split(HEAD_END);
    rest = heads.pop() ?? '';
    for (const head of heads) {
      lastHead = head;
      socket.write(ANSWER);
    }
  });
  // A proxy that is stopped resets its connections.
  socket.on('error', () => socket.destroy());
});

process.on('message', () => process.send?.(lastHead));
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port);
});
