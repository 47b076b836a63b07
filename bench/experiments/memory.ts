import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../measure/lab.ts';
import { processTree, residentBytes } from '../measure/processes.ts';
import { alignColumns } from '../report/table.ts';
import { loadKnownKeys } from './bulk-load.ts';
import type { Experiment, ExperimentPlan, Findings } from './experiment.ts';
import { type GatewayOnRedis, presentingKeys, startGateway } from './gateway-on-redis.ts';
import { startRedisServer } from './redis-server.ts';

/** Each takes a descriptor here and one of the gateway. */
const CONNECTIONS = 5000;
const ABREAST = 100;
const WARM_UP_MS = 5000;
/** Each key comes at least once at a few thousand requests a second. */
const PRESENTING_MS = 15_000;
const SETTLE_MS = 3000;

async function measure(lab: Lab, plan: ExperimentPlan, progress: (line: string) => void): Promise<Findings> {
  const redis = await startRedisServer(lab);
  progress(`loading ${plan.count} keys`);
  const keys = await loadKnownKeys(redis, plan.count);
  const presenting = presentingKeys(keys);
  const gateway = await startGateway(lab, { ...presenting, name: 'memory', redis, cached: plan.count });
  const present = async (requests: readonly string[], durationMs: number): Promise<number> => {
    const { port, process } = gateway;
    const order = { port, requests, connections: 32, warmUpMs: 0, durationMs, windowMs: 100 };
    await lab.load.run({ kind: 'closedLoop', ...order, pids: processTree(process.pid) });
    return settled(gateway);
  };
  progress('warm-up, one key');
  const warm = await present(gateway.requests.slice(0, 1), WARM_UP_MS);
  progress(`presenting ${plan.count} keys in turn`);
  const remembering = await present(gateway.requests, PRESENTING_MS);
  progress(`opening ${CONNECTIONS} connections`);
  const sockets = await openIdle(gateway);
  const connected = await settled(gateway);
  for (const socket of sockets) socket.destroy();
  redis.client.disconnect();
  const figures = {
    rememberedKeys: plan.count,
    bytesPerRememberedKey: (remembering - warm) / plan.count,
    idleConnections: CONNECTIONS,
    bytesPerIdleConnection: (connected - remembering) / CONNECTIONS,
    residentBytes: { warm, remembering, connected },
  };
  const text = [
    alignColumns([
      ['', 'how many', 'bytes of the gateway each'],
      ['remembered API keys', String(plan.count), figures.bytesPerRememberedKey.toFixed(0)],
      ['idle connections', String(CONNECTIONS), figures.bytesPerIdleConnection.toFixed(0)],
    ]),
    '',
    'By resident memory, after a warm-up with one key, and then with each: what the heap has grown by in between counts too.',
  ].join('\n');
  return { figures, text };
}

async function settled({ process }: GatewayOnRedis): Promise<number> {
  await sleep(SETTLE_MS);
  return residentBytes(process.pid);
}

/** Each has had an answer. */
async function openIdle({ port, requests }: GatewayOnRedis): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  const open = async (): Promise<void> => {
    const socket = connect({ host: '127.0.0.1', port });
    sockets.push(socket);
    socket.write(requests[0] ?? '', 'latin1');
    await once(socket, 'data');
  };
  while (sockets.length < CONNECTIONS) await Promise.all(Array.from({ length: ABREAST }, open));
  return sockets;
}

export const memoryExperiment: Experiment = {
  name: 'memory',
  about: 'bytes of the gateway for a remembered key and for an idle connection',
  counted: 'remembered keys',
  defaults: { count: 50_000 },
  run: measure,
};
