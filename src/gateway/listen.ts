import { chmod, unlink } from 'node:fs/promises';
import { type AddressInfo, connect, type Server } from 'node:net';
import type { ListenPlace } from '../config/schema/scalars.ts';

/** Whoever is of the group may connect, as with the files of other daemons. */
const SOCKET_MODE = 0o660;

/** As node:net wants it. */
export function listenOptions(address: ListenPlace): { path: string } | { host: string; port: number } {
  return 'socket' in address ? { path: address.socket } : { host: address.host, port: address.port };
}

/**
 * Before listening on a socket file: takes away one that a process left which is gone. Throws with a sentence for the operator if
 * somebody listens there.
 */
export async function clearSocket(address: ListenPlace): Promise<void> {
  if (!('socket' in address)) return;
  const { socket } = address;
  const state = await stateOf(socket);
  if (state === 'listening') throw new Error(`unix:${socket}: another process listens there`);
  if (state === 'left') await unlink(socket);
}

/** After listening: lets the group in. */
export async function openSocket(address: ListenPlace): Promise<void> {
  if ('socket' in address) await chmod(address.socket, SOCKET_MODE);
}

/** Of a server that listens; 0 for a socket file. */
export function portOf(server: Pick<Server, 'address'>): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Listens, and returns the port; 0 for a socket file, which must not be there unless processes share it. */
export async function listenOn(server: Server, address: ListenPlace): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listenOptions(address), () => {
      server.off('error', reject);
      resolve();
    });
  });
  await openSocket(address);
  return portOf(server);
}

function stateOf(socket: string): Promise<'listening' | 'left' | 'absent'> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path: socket });
    probe.once('connect', () => {
      probe.destroy();
      resolve('listening');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('absent');
      else if (error.code === 'ECONNREFUSED') resolve('left');
      else reject(error);
    });
  });
}
