import { Socket } from 'node:net';
import type { ReceivedMessage } from './client-side.ts';

/** How long the rest of a request is read before its connection is closed. */
const LINGER_MILLISECONDS = 5000;

/**
 * For an answer that is sent, with `Connection: close`, while its request is still arriving: once the answer is
 * written, our side of the connection is shut, and what still arrives is read and thrown away until it ends or
 * `LINGER_MILLISECONDS` are over. A plain close would make TCP reset the connection, and the client could lose the
 * answer (RFC 9112 §9.6). A connection with other requests beside this one is left alone.
 */
export function lingerBeforeClose(received: ReceivedMessage): void {
  const { socket } = received;
  if (socket === undefined) return;
  socket.destroySoon = () => {
    const close = () => Socket.prototype.destroySoon.call(socket);
    if (received.complete) return close();
    const timer = setTimeout(() => socket.destroy(), LINGER_MILLISECONDS);
    socket.once('close', () => clearTimeout(timer));
    received.once('end', close);
    socket.end();
    received.resume();
  };
}

/**
 * For an answer after which the connection stays open although its request, which nobody wants, is still arriving: the
 * rest has `LINGER_MILLISECONDS`, or the connection ends.
 */
export function limitDraining(received: ReceivedMessage): void {
  const { socket } = received;
  if (socket === undefined) return;
  const timer = setTimeout(() => socket.destroy(), LINGER_MILLISECONDS);
  const stop = () => clearTimeout(timer);
  received.once('end', stop);
  socket.once('close', stop);
}
