import { connect } from 'node:net';
import { createResponseReader } from './response-reader.ts';

/** A keep-alive connection with at most one request in flight. */
export interface Connection {
  send(): void;
  close(): void;
}

export interface ConnectionEvents {
  /** A response was read to its end; its status was 2xx. */
  readonly onResponse: (connection: Connection) => void;
  /** The same with status 503; absent: that is a failure too. */
  readonly onRefused?: (connection: Connection) => void;
  /** Another status, bytes that are not understood, or an end that nobody asked for. Called once. */
  readonly onFailure: (reason: string, connection: Connection) => void;
}

const READ_BUFFER_BYTES = 16_384;

/** The bytes of the next request. */
export type NextRequest = () => Buffer;

/** One after the other, and from the first one again. */
export function requestsInTurn(texts: readonly string[]): NextRequest {
  const requests = texts.map((text) => Buffer.from(text, 'latin1'));
  let sent = 0;
  return () => {
    const request = requests[sent % requests.length];
    if (request === undefined) throw new Error('no request to send');
    sent += 1;
    return request;
  };
}

/** Each `send()` sends another request. Rejects when the target does not accept the connection. */
export function openConnection(
  port: number,
  nextRequest: NextRequest,
  events: ConnectionEvents,
): Promise<Connection> {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  let closed = false;
  function fail(reason: string): void {
    if (closed) return;
    connection.close();
    reject(new Error(reason));
    events.onFailure(reason, connection);
  }
  const reader = createResponseReader((status) => {
    if (status >= 200 && status <= 299) events.onResponse(connection);
    else if (status === 503 && events.onRefused !== undefined) events.onRefused(connection);
    else fail(`answered ${status}`);
  });
  const socket = connect({
    host: '127.0.0.1',
    port,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      callback(length, buffer) {
        try {
          reader.feed(Buffer.from(buffer.buffer, buffer.byteOffset, length));
        } catch (error) {
          fail(error instanceof Error ? error.message : 'unreadable response');
        }
        return true;
      },
    },
  });
  const connection: Connection = {
    send: () => socket.write(nextRequest()),
    close() {
      closed = true;
      socket.destroy();
    },
  };
  socket.once('connect', () => resolve(connection));
  socket.on('error', (error) => fail(`connection failed: ${error.message}`));
  socket.on('close', () => fail('connection closed by the target'));
  return promise;
}

/** Opens all at once, each by `open`; when one cannot be opened, those that could are closed again. */
export async function openConnections(
  count: number,
  port: number,
  nextRequest: NextRequest,
  events: ConnectionEvents,
  open: typeof openConnection = openConnection,
): Promise<readonly Connection[]> {
  const attempts = await Promise.allSettled(
    Array.from({ length: count }, () => open(port, nextRequest, events)),
  );
  const opened = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
  const refused = attempts.find((attempt) => attempt.status === 'rejected');
  if (refused === undefined) return opened;
  for (const connection of opened) connection.close();
  throw refused.reason;
}
