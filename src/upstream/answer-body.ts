import type { ClientResponse, ReceivedMessage } from './client-side.ts';
import { cutOff } from './truncation.ts';

/** A body that comes whole and is at most this long leaves with the head as one string. */
const JOINED_BODY_BYTES = 16_384;
/** How long a client that reads slowly has for what an ended stream still holds. */
const END_MILLISECONDS = 1_000;

/** Passes a chunk on; false if the client has more to read than it took. `contentLength`: of the answer, or -1. */
export function passChunk(response: ClientResponse, chunk: Buffer, contentLength: number): boolean {
  if (chunk.length === contentLength && chunk.length <= JOINED_BODY_BYTES) {
    response.end(chunk.toString('latin1'), 'latin1');
    return true;
  }
  return response.write(chunk);
}

/** Ends an event stream that its server would have gone on with: in order, as far as the framing of the answer allows. */
export function endStream(received: ReceivedMessage, response: ClientResponse, contentLength: number): void {
  if (contentLength !== -1) return cutOff(received, response);
  response.end();
  const timer = setTimeout(() => response.destroy(), END_MILLISECONDS);
  response.once('close', () => clearTimeout(timer));
  return undefined;
}
