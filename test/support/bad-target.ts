import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ConfigObject, startTestGateway, type TestGateway } from './gateway.ts';
import { type SteadyLoad, startSteadyLoad } from './load.ts';

export type Ill = 'errors' | 'slow' | 'stalls' | 'resets' | 'refused';

/** Milliseconds of an answer of a target that is well. */
const USUAL = 10;
const SLOW = 500;

/** One of several targets, which falls ill and recovers when it is told to. */
export interface SwitchableTarget {
  readonly origin: string;
  /** Requests that it took, health checks left out. */
  readonly requests: () => number;
  become(state: Ill | 'well'): Promise<void>;
  close(): Promise<void>;
}

export async function startSwitchableTarget(): Promise<SwitchableTarget> {
  let state: Ill | 'well' = 'well';
  let requests = 0;
  let server: Server;
  let port = 0;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const isCheck = request.url === '/health';
    if (!isCheck) requests += 1;
    if (state === 'resets') request.socket.resetAndDestroy();
    else if (state === 'errors') response.writeHead(500).end();
    else if (state !== 'stalls') setTimeout(() => response.end('ok'), state === 'slow' ? SLOW : USUAL);
  }
  async function listen(): Promise<void> {
    server = createServer({ keepAliveTimeout: 60_000 }, answer).listen(port, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  }
  async function close(): Promise<void> {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  await listen();
  return {
    origin: `http://127.0.0.1:${port}`,
    requests: () => requests,
    async become(next) {
      const wasRefusing = state === 'refused';
      state = next;
      if (next === 'refused') await close();
      else if (wasRefusing) await listen();
      // What it never answered, it forgets.
      else if (next === 'well') server.closeAllConnections();
    },
    close,
  };
}

/** A gateway under load before three targets. Ends with the test. */
export interface BadTargetScene {
  readonly gateway: TestGateway;
  readonly targets: readonly SwitchableTarget[];
  readonly load: SteadyLoad;
  /** Requests that each target takes, and answers by status that clients get, while `act` is under way. */
  during(act: () => Promise<void>): Promise<Period>;
  /** Of `gatehouse_upstream_target_up`. */
  isUp(target: SwitchableTarget): Promise<boolean>;
}

export interface Period {
  readonly milliseconds: number;
  readonly taken: readonly number[];
  readonly answered: number;
  /** Answers other than 200. */
  readonly failed: number;
}

/** Clients at a time: as many may be under way at a target at the moment at which it falls ill. */
export const CLIENTS = 12;
export const EJECT_MILLISECONDS = 500;
export const HEADERS_MILLISECONDS = 300;

export async function badTargetScene(
  options: { readonly health?: ConfigObject; readonly headersMilliseconds?: number } = {},
): Promise<BadTargetScene> {
  const { health = {}, headersMilliseconds = HEADERS_MILLISECONDS } = options;
  const targets = [
    await startSwitchableTarget(),
    await startSwitchableTarget(),
    await startSwitchableTarget(),
  ];
  const gateway = await startTestGateway({
    logging: { level: 'error', requests: 'none' },
    audit: { requests: 'denied' },
    upstreams: {
      api: {
        targets: targets.map(({ origin }) => origin),
        timeouts: { headers: `${headersMilliseconds}ms` },
        health: { failures: 3, eject: `${EJECT_MILLISECONDS}ms`, ...health },
      },
    },
    routes: [{ id: 'api', match: { path: '/api' }, public: true, upstream: 'api' }],
  });
  const load = startSteadyLoad({ port: gateway.port, path: '/api', clients: CLIENTS });
  onTestFinished(async () => {
    for (const target of targets) await target.become('well');
    await load.stop();
    await gateway.stop();
    for (const target of targets) await target.close();
  });
  const failed = () => load.answered() - (load.outcomes.get('200') ?? 0);
  return {
    gateway,
    targets,
    load,
    async during(act) {
      const before = {
        taken: targets.map((each) => each.requests()),
        answered: load.answered(),
        failed: failed(),
      };
      const begun = performance.now();
      await act();
      return {
        milliseconds: performance.now() - begun,
        taken: targets.map((each, index) => each.requests() - (before.taken[index] ?? 0)),
        answered: load.answered() - before.answered,
        failed: failed() - before.failed,
      };
    },
    async isUp(target) {
      const line = (await gateway.metrics())
        .split('\n')
        .find((each) => each.startsWith('gatehouse_upstream_target_up{') && each.includes(target.origin));
      return line?.endsWith(' 1') === true;
    },
  };
}
