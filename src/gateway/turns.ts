import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** The order of requests and answers on each connection (RFC 9112 §9.3.2). */
export interface Turns {
  /** Every request before on the connection is answered. */
  isFree(socket: Duplex): boolean;
  /** The connection is no HTTP any more: nothing of its last request is kept for it. */
  forget(socket: Duplex): void;
  /** The answer to the newest request of the connection. */
  latest(socket: Duplex): ServerResponse | undefined;
  /**
   * A request came. False: an answer before it says that it is the last one, so that what follows on the connection is
   * no request (RFC 9112 §9.6). The parser has it already when it was in one packet with the request before it.
   */
  begin(socket: Duplex, response: ServerResponse): boolean;
  /**
   * The connection cannot be understood any further. `answer` is called when it is its turn, at most once per
   * connection, or never: where an answer that has begun would be read as going on, the connection ends without a word.
   */
  fail(socket: Duplex, answer: () => void): void;
}

export function createTurns(): Turns {
  const latest = new WeakMap<Duplex, ServerResponse>();
  const failed = new WeakSet<Duplex>();
  return {
    forget: (socket) => void latest.delete(socket),
    latest: (socket) => latest.get(socket),
    isFree: (socket) => latest.get(socket)?.writableFinished !== false,
    begin(socket, response) {
      if (latest.get(socket)?.shouldKeepAlive === false) return false;
      latest.set(socket, response);
      return true;
    },
    fail(socket, answer) {
      // The parser repeats its complaint for whatever still arrives.
      if (failed.has(socket)) return;
      failed.add(socket);
      const response = latest.get(socket);
      if (response === undefined || socket.destroyed) answer();
      // The answer is there and says that it is the last one.
      else if (response.headersSent && !response.shouldKeepAlive) return;
      else if (response.writableFinished) answer();
      // What is broken stands behind a request that is being answered.
      else if (response.req.complete)
        response.once('close', () => {
          // Behind one that says that it is the last there is nothing to answer.
          if (response.shouldKeepAlive) answer();
        });
      // It is the body of the request whose turn it is, and nothing of the answer was sent.
      else if (response.socket !== null && !response.headersSent) answer();
      else socket.destroy();
    },
  };
}
