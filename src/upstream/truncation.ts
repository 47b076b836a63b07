import type { ClientResponse, ReceivedMessage } from './client-side.ts';

/** Ends an answer in the middle, so that the client sees that it is not whole. */
export function cutOff(received: ReceivedMessage, response: ClientResponse): void {
  const { socket } = response;
  // HTTP/1.0 knows no chunks: there, a plain close would look like the end of the answer.
  if (received.httpVersion === '1.0' && socket !== null && !('encrypted' in socket)) {
    socket.resetAndDestroy();
  }
  response.destroy();
}

/** Ends what cannot be answered any more: the connection, or where others share it, the one request. */
export function hangUp(received: ReceivedMessage, response: ClientResponse): void {
  if (received.socket === undefined) response.destroy();
  else received.socket.destroy();
}
