import type { Server, Socket } from 'node:net';
import type { CutCause } from '../telemetry/metrics.ts';
import { normaliseAddress } from './peer.ts';

export interface ConnectionBounds {
  /** At a time. */
  readonly most: number;
  /** Of them from one address. */
  readonly mostPerPeer: number;
  /** For a proxy, behind which there are many: only `most` holds. */
  readonly isExempt: (address: string) => boolean;
  /** A connection was closed as soon as it came. */
  readonly refused: (cause: Extract<CutCause, 'connections' | 'connections_per_peer'>) => void;
}

/**
 * Closes connections over the bounds before anything is read from them. After everybody else has begun to listen for
 * connections: the others see only those that stay. A peer on a socket file has no address and counts for `most` alone.
 */
export function boundConnections(server: Server, bounds: ConnectionBounds): void {
  const counts = new Map<string, number>();
  server.maxConnections = bounds.most;
  // Of a worker: not handed on to others, which may be as full. (Known to Node, though its types leave it out.)
  Object.assign(server, { dropMaxConnection: true });
  server.on('drop', () => bounds.refused('connections'));
  const others = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) {
      // Reset as soon as it was opened. What it sent could still be read: nobody would be answered, and the record would have no peer.
      if (typeof server.address() !== 'string') {
        socket.destroy();
        return;
      }
    } else {
      const address = normaliseAddress(remoteAddress);
      if (!bounds.isExempt(address) && !takePlace(address, socket)) {
        bounds.refused('connections_per_peer');
        socket.destroy();
        return;
      }
    }
    for (const other of others) other.call(server, socket);
  });

  function takePlace(address: string, socket: Socket): boolean {
    const count = counts.get(address) ?? 0;
    if (count >= bounds.mostPerPeer) return false;
    counts.set(address, count + 1);
    socket.once('close', () => {
      const left = (counts.get(address) ?? 0) - 1;
      if (left > 0) counts.set(address, left);
      else counts.delete(address);
    });
    return true;
  }
}
