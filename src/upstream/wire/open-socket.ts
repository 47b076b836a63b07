import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

/** Where the bytes of a connection go that is not read as a stream: `buffer` is asked after each read where the next goes. */
export type SocketReads = { readonly buffer: () => Buffer; readonly callback: (length: number) => boolean };

/** `isLent`: the bytes are valid during the call. */
export type Receive = (bytes: Buffer, isLent: boolean) => void;

/** Opens a connection. What comes on it is given to `receive`; or, with `isStream`, is to be read from the socket. */
export type OpenSocket = (
  receive: Receive,
  opened: (socket: Socket, isStream: boolean) => void,
  failed: (error: Error) => void,
) => void;

const READ_BYTES = 65_536;
/** All connections read into it, one after another: nothing is allocated for what comes. */
const READ_BUFFER = Buffer.allocUnsafeSlow(READ_BYTES);
/** Behind a read of so much, more is expected, and read into a buffer that can be passed on without a copy. */
const LARGE_BYTES = 32_768;

/**
 * @param connectorFor a connector whose plain sockets read as told; undefined: as streams
 * @param isStream another protocol may follow on the connection, whose reader wants a stream
 */
export function openerFor(
  origin: string,
  connectorFor: (reads: SocketReads | undefined) => buildConnector.connector,
  isStream: boolean,
): OpenSocket {
  const { protocol, hostname, host, port } = new URL(origin);
  const target = { protocol, hostname: bareName(hostname), host, port };
  if (protocol === 'https:' || isStream) {
    const connect = connectorFor(undefined);
    return (_, opened, failed) =>
      connect(target, (...[error, socket]) => (error === null ? opened(socket, true) : failed(error)));
  }
  return (receive, opened, failed) => {
    const connect = connectorFor(readsFor(receive));
    connect(target, (...[error, socket]) => (error === null ? opened(socket, false) : failed(error)));
  };
}

function readsFor(receive: Receive): SocketReads {
  let current = READ_BUFFER;
  let isLarge = false;
  return {
    buffer() {
      current = isLarge ? Buffer.allocUnsafeSlow(READ_BYTES) : READ_BUFFER;
      return current;
    },
    callback(length) {
      isLarge = length >= LARGE_BYTES;
      receive(current.subarray(0, length), !isLarge || current === READ_BUFFER);
      return true;
    },
  };
}

/** Of `[::1]`, `::1`. */
export function bareName(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
