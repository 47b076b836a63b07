import type { ClientResponse, ReceivedMessage } from './client-side.ts';
import { cutOff } from './truncation.ts';

/** How long a client that reads slowly has for what an ended stream still holds. */
const END_MILLISECONDS = 1_000;

/** Ends an event stream that its server would have gone on with: in order, as far as the framing of the answer allows. */
export function endStream(received: ReceivedMessage, response: ClientResponse, contentLength: number): void {
  if (contentLength !== -1) return cutOff(received, response);
  response.end();
  const timer = setTimeout(() => response.destroy(), END_MILLISECONDS);
  response.once('close', () => clearTimeout(timer));
  return undefined;
}
