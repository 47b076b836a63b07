import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ByteLog } from './byte-log.ts';
import { type RecordedHead, readHead } from './http-head.ts';

export interface RawAnswer extends RecordedHead {
  readonly status: number;
  /** All bytes after the head, as they came (chunk framing included). */
  readonly raw: Buffer;
  /** Decoded if chunked. */
  readonly body: Buffer;
}

/** A client on bare TCP: sends the bytes it is told to, and keeps all that comes back. */
export interface RawClient {
  readonly socket: Socket;
  readonly received: () => Buffer;
  send(bytes: string | Buffer): void;
  /** Resolves once `predicate` holds of all bytes so far; rejects when the connection closes before. */
  until(predicate: (received: string) => boolean): Promise<void>;
  /** Resolves when the connection is closed: `reset` if it was not closed in order. */
  closed(): Promise<'ended' | 'reset'>;
  close(): void;
}

export async function connectRaw(port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1' });
  const log = new ByteLog();
  let ending: 'ended' | 'reset' | undefined;
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const check of waiting) check();
  };
  let hasFailed = false;
  socket.on('data', (bytes) => {
    log.push(bytes);
    changed();
  });
  socket.on('error', () => {
    hasFailed = true;
  });
  socket.on('close', () => {
    ending = hasFailed ? 'reset' : 'ended';
    changed();
  });
  await once(socket, 'connect');
  return {
    socket,
    received: () => log.bytes,
    send(bytes) {
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    },
    until: (predicate) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const text = log.bytes.toString('latin1');
          if (predicate(text)) {
            waiting.delete(check);
            resolve();
          } else if (ending !== undefined) {
            reject(new Error(`connection ${ending} after: ${text.slice(0, 500)}`));
          }
        };
        waiting.add(check);
        check();
      }),
    closed: () =>
      new Promise((resolve) => {
        const check = () => {
          if (ending !== undefined) resolve(ending);
        };
        waiting.add(check);
        check();
      }),
    close: () => void socket.destroy(),
  };
}

/** Sends one request on a connection of its own and reads until the server closes. Add `Connection: close`. */
export async function exchangeRaw(port: number, request: string | Buffer): Promise<RawAnswer> {
  const client = await connectRaw(port);
  client.send(request);
  await client.closed();
  return parseAnswer(client.received());
}

/** The first final answer in `bytes`; interim ones are skipped. */
export function parseAnswer(bytes: Buffer): RawAnswer {
  const parsed = readHead(bytes);
  if (parsed === undefined) throw new Error(`no answer in: ${bytes.toString('latin1')}`);
  const { head, length } = parsed;
  const status = Number(head.startLine.split(' ')[1]);
  const raw = bytes.subarray(length);
  if (status >= 100 && status < 200) return parseAnswer(raw);
  const body = head.field('transfer-encoding') === undefined ? raw : decodeChunks(raw);
  return { ...head, status, raw, body };
}

/** What has arrived of a chunked body; a last chunk that is not whole is left out. */
function decodeChunks(raw: Buffer): Buffer {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = raw.indexOf('\r\n', at);
    if (lineEnd === -1) break;
    const size = Number.parseInt(raw.toString('latin1', at, lineEnd), 16);
    const start = lineEnd + 2;
    if (!(size > 0) || raw.length < start + size) break;
    chunks.push(raw.subarray(start, start + size));
    at = start + size + 2;
  }
  return Buffer.concat(chunks);
}
