import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { ByteLog } from './byte-log.ts';
import { type RecordedHead, readHead } from './http-head.ts';

/** One request as its bytes arrived. */
export interface RecordedRequest extends RecordedHead {
  /** Body bytes so far: decoded if the request is chunked. */
  readonly body: Buffer;
  /** Trailer lines of a chunked body, as they came. */
  trailers: string;
  isComplete: boolean;
  /** Number of the connection that it came on. */
  readonly connection: number;
}

export interface RawConnection {
  readonly socket: Socket;
  /** Everything that came, over all requests. */
  readonly received: Buffer;
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
    const log = new ByteLog();
    const connection: RawConnection = {
      socket,
      get received() {
        return log.bytes;
      },
      isClosed: false,
    };
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
      log.push(bytes);
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
  let body = new ByteLog();
  /** Bytes of the current chunk, or of a sized body, that are still to come. */
  let missing = 0;

  function takeHead(): boolean {
    const head = readHead(rest);
    if (head === undefined) return false;
    rest = rest.subarray(head.length);
    const log = new ByteLog();
    body = log;
    current = {
      ...head.head,
      get body() {
        return log.bytes;
      },
      trailers: '',
      isComplete: false,
      connection,
    };
    missing = isChunked(current) ? 0 : Number(current.field('content-length') ?? 0);
    report(current, 'head');
    return true;
  }

  function takeData(): void {
    const data = rest.subarray(0, missing);
    if (data.length > 0) body.push(data);
    missing -= data.length;
    rest = rest.subarray(data.length);
  }

  function finish(request: RecordedRequest): boolean {
    request.isComplete = true;
    current = undefined;
    report(request, 'end');
    return rest.length > 0;
  }

  /** The line end after a chunk may come with the next one. */
  function takeChunkSize(request: RecordedRequest): boolean {
    const start = rest.subarray(0, 2).toString('latin1') === '\r\n' ? 2 : 0;
    const lineEnd = rest.indexOf('\r\n', start);
    if (lineEnd === -1) return false;
    const size = Number.parseInt(rest.toString('latin1', start, lineEnd), 16);
    if (size > 0) {
      rest = rest.subarray(lineEnd + 2);
      missing = size;
      return true;
    }
    const end = rest.indexOf('\r\n\r\n', lineEnd);
    if (end === -1) return false;
    request.trailers = rest.toString('latin1', lineEnd + 2, Math.max(lineEnd + 2, end));
    rest = rest.subarray(end + 4);
    return finish(request);
  }

  /** Whether another step may be possible. */
  function step(): boolean {
    if (current === undefined) return takeHead();
    takeData();
    if (missing > 0) return false;
    return isChunked(current) ? takeChunkSize(current) : finish(current);
  }

  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (step());
  };
}

function isChunked(request: RecordedRequest): boolean {
  return request.field('transfer-encoding') !== undefined;
}
