import type { Settings } from '../config/schema/config.ts';
import type { ListenPlace } from '../config/schema/scalars.ts';
import { clearSocket } from '../gateway/listen.ts';
import { openListener, type TlsMaterial } from '../gateway/listener.ts';
import { createLiveConnections } from '../gateway/live-connections.ts';
import { createOpenRequests } from '../gateway/open-requests.ts';
import { createWellKnown } from '../gateway/well-known.ts';
import { createLoadShedder, type LoadShedder } from '../limits/load-shedder.ts';
import { type ForwardAuth, openForwardAuth } from './forward-auth.ts';
import type { Foundation } from './foundation.ts';
import type { Generations } from './generations.ts';
import type { RequestPorts } from './worker-messages.ts';

/** What takes the requests of clients, and the questions of proxies; in this process or in others. */
export interface ServingPath {
  readonly ports: RequestPorts;
  /** Goes on for `delay`, takes nothing new from then on, and lets what is in flight finish for at most `drain`. Idempotent. */
  close(shutdown: Settings['shutdown']): Promise<void>;
}

/** In this process. */
export interface RequestPath extends ServingPath {
  /** New connections get these. Throws if the material does not fit together. */
  setTls(material: TlsMaterial): void;
}

/** Socket files that former processes left are taken away before; whoever has several processes does it once for all. */
export async function clearRequestSockets(listen: Settings['listen']): Promise<void> {
  for (const place of requestPlaces(listen)) await clearSocket(place);
}

function requestPlaces({ public: { address }, forwardAuth }: Settings['listen']): readonly ListenPlace[] {
  return [address, forwardAuth?.address, forwardAuth?.grpc].filter((place) => place !== undefined);
}

export async function openRequestPath(options: {
  readonly settings: Settings;
  readonly tls: TlsMaterial | undefined;
  readonly foundation: Foundation;
  readonly generations: Pick<Generations, 'current'>;
}): Promise<RequestPath> {
  const { settings, tls, foundation, generations } = options;
  const currentRuntime = () => generations.current();
  const loadShedder = startLoadShedder(settings.limits.queueDelay, foundation);
  const live = createLiveConnections({ ...foundation, currentRuntime });
  const listener = await openListener({
    address: settings.listen.public.address,
    limits: settings.limits,
    tls,
    currentRuntime,
    wellKnown: createWellKnown(foundation.keyring),
    context: { ...foundation, live, openRequests: createOpenRequests(), loadShedder },
  }).catch((error: unknown) => {
    live.close();
    loadShedder.close();
    throw error;
  });

  let forwardAuth: ForwardAuth | undefined;
  async function close({ delay, drain }: Settings['shutdown']): Promise<void> {
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    live.shutDown();
    const [cut] = await Promise.all([listener.close(drain), forwardAuth?.close(drain)]);
    if (cut > 0)
      foundation.log.warn(
        { connections: cut },
        'connections were cut, since their requests did not finish in time',
      );
    live.close();
    loadShedder.close();
  }

  forwardAuth = await openForwardAuth(settings, {
    currentRuntime,
    recorder: foundation,
    clock: foundation.clock,
    loadShedder,
  }).catch(async (error: unknown) => {
    await close({ delay: 0, drain: 0 });
    throw error;
  });
  let closed: Promise<void> | undefined;
  return {
    ports: {
      publicPort: listener.port,
      forwardAuthPort: forwardAuth?.port,
      forwardAuthGrpcPort: forwardAuth?.grpcPort,
    },
    setTls: (material) => listener.setTls(material),
    close: (shutdown) => (closed ??= close(shutdown)),
  };
}

function startLoadShedder(
  target: number,
  { log, metrics }: Pick<Foundation, 'log' | 'metrics'>,
): LoadShedder {
  const loadShedder = createLoadShedder({
    target,
    began: () =>
      log.warn('more requests arrive than can be answered in time: some are refused as overloaded'),
    ended: (refused) => log.info({ refused }, 'all requests are admitted again'),
  });
  metrics.gauge('admitted_share', () => loadShedder.share);
  return loadShedder;
}
