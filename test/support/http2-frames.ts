import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { ByteLog } from './byte-log.ts';

/** RFC 9113 §6. */
export const FRAMES = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;
const ACK = 1;

/** RFC 9113 §7. */
export const ERRORS = {
  none: 0,
  protocol: 1,
  internal: 2,
  refused: 7,
  cancel: 8,
  calm: 11,
} as const;

export type Field = readonly [name: string, value: string];

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A field as a literal without indexing and without Huffman coding (RFC 7541 §6.2.2): whatever bytes it has, they arrive. */
export function literal([name, value]: Field): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** With a prefix of 7 bits (RFC 7541 §5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

export function headers(stream: number, fields: readonly Field[], flags: number = END_HEADERS): Buffer {
  return frame(FRAMES.headers, flags, stream, Buffer.concat(fields.map(literal)));
}

export function data(stream: number, body: string | Buffer, flags = 0): Buffer {
  return frame(FRAMES.data, flags, stream, Buffer.from(body as string));
}

export function reset(stream: number, code: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(code);
  return frame(FRAMES.reset, 0, stream, payload);
}

const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(FRAMES.settings, 0, 0),
]);

/** A client of HTTP/2 that sends whatever frames it is given, and keeps what comes back. */
export interface FrameClient {
  readonly socket: TLSSocket;
  send(...frames: readonly Buffer[]): void;
  frames(): readonly Frame[];
  /** Resolves with the first frame, by now or later, that satisfies `predicate`. Fails if the connection closes without. */
  frame(predicate: (frame: Frame) => boolean): Promise<Frame>;
  /** The error code of a RST_STREAM for this stream. */
  resetOf(stream: number): Promise<number>;
  /** The error code of a GOAWAY. */
  goaway(): Promise<number>;
  closed(): Promise<void>;
}

export async function connectFrames(
  port: number,
  options: { readonly allowHalfOpen?: boolean } = {},
): Promise<FrameClient> {
  const socket = connect({
    ...options,
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
  });
  const log = new ByteLog();
  const waiting = new Set<() => void>();
  let isClosed = false;
  const changed = () => {
    for (const check of waiting) check();
  };
  let acknowledged = 0;
  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => {
    log.push(bytes);
    const asked = framesIn(log.bytes).filter(
      ({ type, flags }) => type === FRAMES.settings && flags !== ACK,
    ).length;
    for (; acknowledged < asked; acknowledged += 1) socket.write(frame(FRAMES.settings, ACK, 0));
    changed();
  });
  socket.on('close', () => {
    isClosed = true;
    changed();
  });
  await once(socket, 'secureConnect');
  socket.write(PREFACE);

  function find(predicate: (frame: Frame) => boolean): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = framesIn(log.bytes).find(predicate);
        if (found !== undefined) resolve(found);
        else if (isClosed) reject(new Error('closed without such a frame'));
        else return;
        waiting.delete(check);
      };
      waiting.add(check);
      check();
    });
  }

  return {
    socket,
    send(...frames) {
      if (socket.writable) socket.write(Buffer.concat(frames));
    },
    frames: () => framesIn(log.bytes),
    frame: find,
    async resetOf(stream) {
      const found = await find((each) => each.type === FRAMES.reset && each.stream === stream);
      return found.payload.readUInt32BE(0);
    },
    async goaway() {
      const found = await find(({ type }) => type === FRAMES.goaway);
      return found.payload.readUInt32BE(4);
    },
    async closed() {
      // Not by `once`, which fails with the error of a connection that was reset.
      if (!isClosed) await new Promise<void>((resolve) => void socket.once('close', () => resolve()));
    },
  };
}

function framesIn(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    if (bytes.length < at + 9 + length) break;
    frames.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return frames;
}
