import { connect } from 'node:net';
import { createResponseReader } from '../load/response-reader.ts';

export interface StallWatch {
  /** Resolves with the longest that one request waited, and how many were refused. Rejects if the gateway closed the connection. */
  stop(): Promise<{ readonly longestMs: number; readonly refused: number }>;
}

/** Sends one request after the other on a connection of its own: an event loop that stands still shows in the one under way. */
export function watchStalls(port: number, request: string): StallWatch {
  const { promise, resolve, reject } = Promise.withResolvers<{ longestMs: number; refused: number }>();
  // Waited for at the end only.
  promise.catch(() => {});
  let longestMs = 0;
  let refused = 0;
  let sentAt = 0;
  let isStopping = false;
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const send = (): void => {
    sentAt = performance.now();
    socket.write(request, 'latin1');
  };
  const reader = createResponseReader((status) => {
    if (status !== 200) refused += 1;
    longestMs = Math.max(longestMs, performance.now() - sentAt);
    if (isStopping) resolve({ longestMs, refused });
    else setTimeout(send, 1);
  });
  socket.once('connect', send);
  socket.on('data', (bytes) => reader.feed(bytes));
  socket.on('error', reject);
  socket.once('close', () => reject(new Error('connection closed by the target')));
  return {
    async stop() {
      isStopping = true;
      try {
        return await promise;
      } finally {
        socket.destroy();
      }
    },
  };
}
