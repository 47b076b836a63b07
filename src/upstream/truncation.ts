import type { IncomingMessage, ServerResponse } from 'node:http';

/** Ends an answer in the middle, so that the client sees that it is not whole. */
export function cutOff(received: IncomingMessage, response: ServerResponse): void {
  const { socket } = response;
  // HTTP/1.0 knows no chunks: there, a plain close would look like the end of the answer.
  if (received.httpVersionMinor === 0 && socket !== null && !('encrypted' in socket)) {
    socket.resetAndDestroy();
  }
  response.destroy();
}
