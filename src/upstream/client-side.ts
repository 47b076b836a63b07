import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

/** `httpVersion` of a request that came by HTTP/2. No text that a parser of HTTP/1 reads can give it: those versions have a dot. */
export const HTTP2 = '2';

/** A client's request as it is read here, by whichever version of HTTP it came: node:http's own, or the stream of HTTP/2. */
export interface ReceivedMessage {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  /** Name, value, name, value … in wire order. */
  readonly rawHeaders: string[];
  readonly headers: IncomingHttpHeaders;
  /** The body came to the end that its framing gives it. */
  readonly complete: boolean;
  /** Somebody has begun to read the body. */
  readonly readableDidRead: boolean;
  /** Undefined: the connection has other requests beside this one. */
  readonly socket: Socket | undefined;
  /** `end` only where the body is whole. */
  on(event: 'data', listener: (bytes: Buffer) => void): ReceivedMessage;
  on(event: 'end', listener: () => void): ReceivedMessage;
  once(event: 'end', listener: () => void): ReceivedMessage;
  off(event: 'data', listener: (bytes: Buffer) => void): ReceivedMessage;
  off(event: 'end', listener: () => void): ReceivedMessage;
  pause(): unknown;
  resume(): unknown;
  /** Nothing more is read. */
  destroy(): unknown;
}

/** The answer to it as it is written here. What a version has no word for is left out by whoever stands behind this. */
export interface ClientResponse {
  /** False: no further request is read from the connection. Without meaning where it is shared. */
  shouldKeepAlive: boolean;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  readonly destroyed: boolean;
  readonly socket: Socket | null;
  writeContinue(): void;
  writeEarlyHints(hints: { readonly link: string[] }): void;
  /** `fields`: name, value, name, value … */
  writeHead(status: number, fields: string[]): unknown;
  writeHead(status: number, reason: string, fields: string[]): unknown;
  flushHeaders(): void;
  /** False: the client has more to read than it took, until `drain`. */
  write(bytes: Buffer): boolean;
  end(body?: string | Buffer): unknown;
  end(body: string, encoding: BufferEncoding): unknown;
  /** The client sees that the answer is not whole. */
  destroy(): unknown;
  on(event: 'close' | 'drain', listener: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
}
