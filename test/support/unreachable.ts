import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { startRawUpstream } from './raw-upstream.ts';

/** A place where no upstream can be reached. */
export interface UnreachableTarget {
  readonly origin: string;
  close(): Promise<void>;
}

/** Listens in the kernel alone: connections are made until its short queue is full, and never taken. */
const HOLE =
  'import socket, time\ns = socket.socket()\ns.bind(("127.0.0.1", 0))\ns.listen(0)\nprint(s.getsockname()[1], flush=True)\ntime.sleep(600)';

/** An address that does not answer, not even with a refusal. */
export async function openBlackHole(): Promise<UnreachableTarget> {
  const child: ChildProcess = spawn('python3', ['-c', HOLE], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  const port = Number(line.toString());
  const sockets: Socket[] = [];
  for (let isOpen = true; isOpen; ) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    sockets.push(socket);
    isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 300)),
    ]);
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export async function openClosedPort(): Promise<UnreachableTarget> {
  const upstream = await startRawUpstream('');
  await upstream.close();
  return { origin: upstream.origin, close: () => Promise.resolve() };
}

/** Takes connections of TLS and answers the handshake with these bytes, or never. */
export async function openBrokenTls(bytes: string): Promise<UnreachableTarget> {
  const upstream = await startRawUpstream('', { isDeaf: bytes === '' });
  if (bytes !== '') void upstream.until(() => answerAll(upstream.connections, bytes));
  return { origin: upstream.origin.replace('http:', 'https:'), close: () => upstream.close() };
}

function answerAll(
  connections: readonly { readonly socket: Socket; isClosed: boolean }[],
  bytes: string,
): false {
  for (const { socket } of connections) if (socket.writable) socket.end(bytes);
  return false;
}

/** Speaks TLS with this certificate. */
export async function openTls(tls: TlsOptions): Promise<UnreachableTarget> {
  const upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', { tls });
  return { origin: upstream.origin, close: () => upstream.close() };
}
