import { connect } from 'node:net';
import { ECHO_FRAME, ECHOED_BYTES } from '../upstream/echo.ts';
import type { Connection, ConnectionEvents, NextRequest } from './connection.ts';

const HEAD_END = '\r\n\r\n';
const SWITCHING = /^HTTP\/1\.1 101 /;

/**
 * A WebSocket, open when this resolves: `nextRequest` is its handshake, each `send()` a small text message, and its echo the
 * response. Rejects when the target does not switch protocols.
 */
export function openWebSocket(
  port: number,
  nextRequest: NextRequest,
  events: ConnectionEvents,
): Promise<Connection> {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  let closed = false;
  let head: string | undefined = '';
  let awaited = 0;
  const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => socket.write(nextRequest()));
  const connection: Connection = {
    send() {
      awaited += ECHOED_BYTES;
      socket.write(ECHO_FRAME);
    },
    close() {
      closed = true;
      socket.destroy();
    },
  };
  function fail(reason: string): void {
    if (closed) return;
    connection.close();
    reject(new Error(reason));
    events.onFailure(reason, connection);
  }
  socket.on('data', (chunk) => {
    if (head === undefined) {
      awaited -= chunk.length;
      if (awaited === 0) events.onResponse(connection);
      else if (awaited < 0) fail('sent more than the echo');
      return;
    }
    head += chunk.toString('latin1');
    if (!head.includes(HEAD_END)) return;
    if (SWITCHING.test(head) && head.endsWith(HEAD_END)) {
      head = undefined;
      resolve(connection);
    } else fail(`answered a WebSocket handshake with ${head.slice(9, 12)}`);
  });
  socket.on('error', (error) => fail(`connection failed: ${error.message}`));
  socket.on('close', () => fail('connection closed by the target'));
  return promise;
}
