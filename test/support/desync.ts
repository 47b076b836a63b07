import { connectRaw } from './raw-client.ts';
import type { RawUpstream } from './raw-upstream.ts';

/** What became of a message that could be read in several ways, and of what followed it on its connection. */
export interface DesyncOutcome {
  /** Statuses of the answers, in order; the one to the request behind the message is left out. */
  readonly statuses: readonly number[];
  /** Requests that reached the upstream whole: method, target, body; the one behind the message is left out. */
  readonly sent: readonly string[];
  /** Whether the request behind the message was understood as one. */
  readonly isNextUnderstood: boolean;
}

const NEXT = 'GET /next HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n';

/**
 * Sends a message on a connection of its own and, once it is answered and the connection lives, a request behind it:
 * what the gateway took for the end of the message shows in what becomes of that. The gateway must end what it waits
 * for by itself, soon. An unfinished request at the upstream is none: its connection ends before it does.
 */
export async function tryMessage(
  port: number,
  upstream: RawUpstream,
  message: string | Buffer,
): Promise<DesyncOutcome> {
  upstream.requests.length = 0;
  const client = await connectRaw(port);
  const isEnded = client.closed().then(() => 'ended');
  client.send(message);
  const first = await Promise.race([
    isEnded,
    client
      .until((text) => text.includes('\r\n\r\n'))
      .then(
        () => 'answered',
        () => 'ended',
      ),
  ]);
  if (first === 'answered') {
    if (/^connection: close\r$/im.test(client.received().toString('latin1'))) client.socket.end();
    else client.send(NEXT);
  }
  await isEnded;
  const statuses = [
    ...client
      .received()
      .toString('latin1')
      .matchAll(/HTTP\/1\.1 (\d{3}) /g),
  ].map(([, status]) => Number(status));
  const isNextUnderstood = upstream.requests.some(({ startLine }) => startLine === 'GET /next HTTP/1.1');
  if (isNextUnderstood) statuses.pop();
  return {
    statuses,
    sent: upstream.requests
      .filter(({ startLine, isComplete }) => isComplete && startLine !== 'GET /next HTTP/1.1')
      .map(({ startLine, body }) => `${startLine.replace(/ HTTP\/1\.1$/, '')} [${body.toString('latin1')}]`),
    isNextUnderstood,
  };
}
