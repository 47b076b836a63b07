import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { UpgradeOffer } from './reception.ts';

/**
 * A request whose connection node:http has let go of, as an ordinary request again: its answer, if it is one, is
 * the last of the connection. While it is decided on, a client that leaves is noticed, and nothing it sends is lost.
 */
export function receiveUpgrade(
  received: IncomingMessage,
  head: Buffer,
  receive: (response: ServerResponse, upgrade: UpgradeOffer) => void,
  taken: () => void,
): void {
  const { socket } = received;
  const response = new ServerResponse(received);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.destroySoon());
  socket.on('error', ignoreError);
  const stopWatching = watchForEnd(socket);
  receive(response, {
    head,
    take() {
      stopWatching();
      response.detachSocket(socket);
      taken();
      return socket;
    },
  });
}

/** Without somebody who reads, the end of a connection goes unnoticed. What comes stays in the buffer of the socket. */
function watchForEnd(socket: Socket): () => void {
  function look(): void {
    // Only at the end there is something to read and nothing in it.
    if (socket.readableLength === 0) socket.read();
  }
  function leave(): void {
    socket.destroy();
  }
  socket.on('readable', look).once('end', leave);
  return () => void socket.off('readable', look).off('end', leave);
}

function ignoreError(): void {
  // Whoever reads or writes the stream sees the close; without a listener the error would end the process.
}
