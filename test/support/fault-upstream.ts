import type { TlsOptions } from 'node:tls';
import { answerOf } from './forwarding-scenario.ts';
import { type RawUpstream, startRawUpstream } from './raw-upstream.ts';
import type { UpstreamFault } from './upstream-faults.ts';

/** Paths that end so are answered as they should be, with the path as the body, on a connection that ends with it. */
export const SOUND_SUFFIX = '/sound';

export interface FaultUpstream {
  readonly upstream: RawUpstream;
  /** How often a request of this path came. */
  readonly seen: (path: string) => number;
}

/** An upstream that commits one fault on every path but those that end in `SOUND_SUFFIX`. */
export async function startFaultUpstream(
  { act, after }: Pick<UpstreamFault, 'act' | 'after'>,
  tls?: TlsOptions,
): Promise<FaultUpstream> {
  const rounds = new Map<string, number>();
  const upstream = await startRawUpstream(
    (socket, request) => {
      const path = request.startLine.split(' ')[1] ?? '';
      const round = rounds.get(path) ?? 0;
      rounds.set(path, round + 1);
      if (path.endsWith(SOUND_SUFFIX))
        socket.end(answerOf('200 OK', ['Connection: close', `Content-Length: ${path.length}`], path));
      else if (typeof act === 'string') socket.write(act, 'latin1');
      else act(socket, round, request);
    },
    { answer: after === 'head' ? 'onHead' : 'onBody', ...(tls !== undefined && { tls }) },
  );
  return { upstream, seen: (path) => rounds.get(path) ?? 0 };
}
