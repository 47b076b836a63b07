import type { Clock } from '../base/clock.ts';
import type { Settings } from '../config/schema/config.ts';
import { blockListOf } from '../config/schema/scalars.ts';
import { createForwardAuthListener } from '../forward-auth/forward-auth-listener.ts';
import { listenOn } from '../gateway/listen.ts';
import type { Recorder } from '../gateway/records.ts';
import type { Runtime } from '../gateway/runtime.ts';

export interface ForwardAuth {
  readonly port: number;
  /** Undefined: it is not configured. */
  readonly grpcPort: number | undefined;
  /** Takes no more checks; those that have begun are answered. */
  close(): Promise<void>;
}

/** The listeners for proxies that ask about each request; `undefined`: none are configured. */
export async function openForwardAuth(
  { listen, limits }: Pick<Settings, 'listen' | 'limits'>,
  parts: { readonly currentRuntime: () => Runtime; readonly recorder: Recorder; readonly clock: Clock },
): Promise<ForwardAuth | undefined> {
  const { forwardAuth } = listen;
  if (forwardAuth === undefined) return undefined;
  const peers = forwardAuth.peers === undefined ? undefined : blockListOf(forwardAuth.peers);
  const server = createForwardAuthListener({ ...parts, limits, peers });
  const port = await listenOn(server, forwardAuth.address);
  return {
    port,
    grpcPort: undefined,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
    },
  };
}
