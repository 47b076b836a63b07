import type { Clock } from '../base/clock.ts';
import type { Settings } from '../config/schema/config.ts';
import { blockListOf, type ListenPlace } from '../config/schema/scalars.ts';
import { createForwardAuthListener } from '../forward-auth/forward-auth-listener.ts';
import { listenOn } from '../gateway/listen.ts';
import type { Recorder } from '../gateway/records.ts';
import type { Runtime } from '../gateway/runtime.ts';
import type { LoadShedder } from '../limits/load-shedder.ts';

export interface ForwardAuth {
  readonly port: number;
  /** Undefined: it is not configured. */
  readonly grpcPort: number | undefined;
  /** Takes no more checks; those that have begun are answered, if that takes no longer than this. */
  close(drainMilliseconds: number): Promise<void>;
}

/** The listeners for proxies that ask about each request; `undefined`: none are configured. */
export async function openForwardAuth(
  { listen, limits }: Pick<Settings, 'listen' | 'limits'>,
  parts: {
    readonly currentRuntime: () => Runtime;
    readonly recorder: Recorder;
    readonly clock: Clock;
    readonly loadShedder: LoadShedder;
  },
): Promise<ForwardAuth | undefined> {
  const { forwardAuth } = listen;
  if (forwardAuth === undefined) return undefined;
  const listed = forwardAuth.peers === undefined ? undefined : blockListOf(forwardAuth.peers);
  // Whoever can open a socket file may ask: its peers have no address.
  const optionsAt = (place: ListenPlace) => ({
    ...parts,
    limits,
    peers: 'socket' in place ? undefined : listed,
  });
  const server = createForwardAuthListener(optionsAt(forwardAuth.address));
  async function closeHttp(drainMilliseconds: number): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), drainMilliseconds);
    await closed;
    clearTimeout(timer);
  }

  const port = await listenOn(server, forwardAuth.address);
  const { grpc: place } = forwardAuth;
  if (place === undefined) return { port, grpcPort: undefined, close: closeHttp };
  try {
    // Who does not use gRPC does not load it.
    const { openGrpcListener } = await import('../forward-auth/grpc-listener.ts');
    const grpc = await openGrpcListener(place, optionsAt(place));
    return {
      port,
      grpcPort: grpc.port,
      async close(drainMilliseconds) {
        await Promise.all([closeHttp(drainMilliseconds), grpc.close(drainMilliseconds)]);
      },
    };
  } catch (error) {
    await closeHttp(0);
    throw error;
  }
}
