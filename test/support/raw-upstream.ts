import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { type RecordedHead, readHead } from './http-head.ts';

/** One request as its bytes arrived. */
export interface RecordedRequest extends RecordedHead {
  /** Body bytes so far: decoded if the request is chunked. */
  body: Buffer;
  /** Trailer lines of a chunked body, as they came. */
  trailers: string;
  isComplete: boolean;
  /** Number of the connection that it came on. */
  readonly connection: number;
}

export interface RawConnection {
  readonly socket: Socket;
  /** Everything that came, over all requests. */
  received: Buffer;
  isClosed: boolean;
}

/** Called when the body of a request is complete, or, with `answer: 'onHead'`, when its head is. */
export type RawHandler = (socket: Socket, request: RecordedRequest, number: number) => void;

export interface RawUpstream {
  readonly origin: string;
  readonly port: number;
  readonly authority: string;
  readonly requests: RecordedRequest[];
  readonly connections: RawConnection[];
  /** Resolves with the request of this number (from 0) once it is complete. */
  request(number: number): Promise<RecordedRequest>;
  /** Resolves once `predicate` holds; it is asked whenever bytes come, and when connections open or close. */
  until(predicate: () => boolean): Promise<void>;
  close(): Promise<void>;
}

export interface RawUpstreamOptions {
  /** When the handler is called. Default: `onBody`. */
  readonly answer?: 'onHead' | 'onBody';
  readonly tls?: TlsOptions;
  readonly port?: number;
  readonly host?: string;
  /** Sockets start paused, so that nothing that is sent is read. */
  readonly isDeaf?: boolean;
}

/**
 * A server on bare TCP that records exactly what it gets and answers whatever bytes the handler writes. A string
 * stands for the same answer each time, in Latin-1.
 */
export async function startRawUpstream(
  handler: RawHandler | string,
  options: RawUpstreamOptions = {},
): Promise<RawUpstream> {
  const requests: RecordedRequest[] = [];
  const connections: RawConnection[] = [];
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const check of waiting) check();
  };
  const answer: RawHandler =
    typeof handler === 'string' ? (socket) => void socket.write(handler, 'latin1') : handler;

  function accept(socket: Socket): void {
    const connection: RawConnection = { socket, received: Buffer.alloc(0), isClosed: false };
    const number = connections.push(connection) - 1;
    changed();
    socket.on('error', () => {});
    socket.on('close', () => {
      connection.isClosed = true;
      changed();
    });
    if (options.isDeaf === true) {
      socket.pause();
      return;
    }
    const parser = createParser(number, (request, event) => {
      if (event === 'head') requests.push(request);
      const answersNow = options.answer === 'onHead' ? event === 'head' : event === 'end';
      if (answersNow) answer(socket, request, requests.indexOf(request));
    });
    socket.on('data', (bytes) => {
      connection.received = Buffer.concat([connection.received, bytes]);
      parser(bytes);
      changed();
    });
  }

  const server: Server =
    options.tls === undefined ? createServer(accept) : createTlsServer(options.tls, accept);
  // A client that does not trust us, or whom we do not, ends in the handshake.
  server.on('tlsClientError', () => {});
  server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const authority = `${options.host ?? '127.0.0.1'}:${port}`;

  function until(predicate: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!predicate()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  }

  return {
    origin: `${options.tls === undefined ? 'http' : 'https'}://${authority}`,
    port,
    authority,
    requests,
    connections,
    until,
    async request(number) {
      await until(() => requests[number]?.isComplete === true);
      const request = requests[number];
      if (request === undefined) throw new Error(`no request ${number}`);
      return request;
    },
    async close() {
      for (const { socket } of connections) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

type ParserEvent = 'head' | 'end';

/** Splits the bytes of one connection into requests. Lenient: it shows what came, it does not judge it. */
function createParser(
  connection: number,
  report: (request: RecordedRequest, event: ParserEvent) => void,
): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let current: RecordedRequest | undefined;

  function step(): boolean {
    if (current === undefined) {
      const head = readHead(rest);
      if (head === undefined) return false;
      rest = rest.subarray(head.length);
      current = { ...head.head, body: Buffer.alloc(0), trailers: '', isComplete: false, connection };
      report(current, 'head');
      return true;
    }
    const request = current;
    const isDone = isChunked(request) ? takeChunk(request) : takeSized(request);
    if (isDone === undefined) return false;
    if (!isDone) return true;
    request.isComplete = true;
    current = undefined;
    report(request, 'end');
    return rest.length > 0;
  }

  function takeSized(request: RecordedRequest): boolean | undefined {
    const missing = Number(request.field('content-length') ?? 0) - request.body.length;
    request.body = Buffer.concat([request.body, rest.subarray(0, missing)]);
    const isDone = rest.length >= missing;
    rest = rest.subarray(Math.min(missing, rest.length));
    return isDone ? true : undefined;
  }

  function takeChunk(request: RecordedRequest): boolean | undefined {
    const lineEnd = rest.indexOf('\r\n');
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(rest.toString('latin1', 0, lineEnd), 16);
    if (size === 0) {
      const trailerStart = lineEnd + 2;
      const end = rest.indexOf('\r\n\r\n', lineEnd);
      if (end === -1) return undefined;
      request.trailers = rest.toString('latin1', trailerStart, Math.max(trailerStart, end));
      rest = rest.subarray(end + 4);
      return true;
    }
    if (rest.length < lineEnd + 2 + size + 2) return undefined;
    request.body = Buffer.concat([request.body, rest.subarray(lineEnd + 2, lineEnd + 2 + size)]);
    rest = rest.subarray(lineEnd + 2 + size + 2);
    return false;
  }

  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (step());
  };
}

function isChunked(request: RecordedRequest): boolean {
  return request.field('transfer-encoding') !== undefined;
}
