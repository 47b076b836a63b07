import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

/** Where the bytes of a connection go that is not read as a stream. */
export type SocketReads = { readonly buffer: Buffer; readonly callback: (length: number) => boolean };

/**
 * Opens a connection. What comes on it is given to `receive`, valid during the call; or, with `isStream`, is to be
 * read from the socket.
 */
export type OpenSocket = (
  receive: (bytes: Buffer) => void,
  opened: (socket: Socket, isStream: boolean) => void,
  failed: (error: Error) => void,
) => void;

/** All connections read into it, one after another: nothing is allocated for what comes. */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

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
    const callback = (length: number): boolean => {
      receive(READ_BUFFER.subarray(0, length));
      return true;
    };
    const connect = connectorFor({ buffer: READ_BUFFER, callback });
    connect(target, (...[error, socket]) => (error === null ? opened(socket, false) : failed(error)));
  };
}

/** Of `[::1]`, `::1`. */
export function bareName(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
