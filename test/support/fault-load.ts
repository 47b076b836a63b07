import { Agent, request } from 'node:http';

/** Who asks: each has a credential, and something that must hold for it whatever the store does. */
export const CALLERS = [
  'valid key',
  'uncached keys',
  'valid token',
  'revoked key',
  'revoked subject',
  'taken back key',
  'taken back subject',
  'public',
] as const;
export type Caller = (typeof CALLERS)[number];

export interface Observation {
  readonly caller: Caller;
  /** Index of the gateway. */
  readonly replica: number;
  /** Milliseconds of `performance.now()`. */
  readonly sentAt: number;
  readonly answeredAt: number;
  /** 0: no answer. */
  readonly status: number;
}

/** What a caller sends, for each request anew. */
export interface CallerRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

const PATIENCE_MILLISECONDS = 10_000;

export function ask(port: number, { path, headers }: CallerRequest, agent?: Agent): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const sent = request({ host: '127.0.0.1', port, path, headers, agent: agent ?? false }, (answer) => {
    answer.resume();
    answer.once('end', () => resolve(answer.statusCode ?? 0));
    answer.once('error', () => resolve(0));
  });
  sent.setTimeout(PATIENCE_MILLISECONDS, () => sent.destroy());
  sent.once('error', () => resolve(0));
  sent.end();
  return promise;
}

export interface FaultLoad {
  readonly observations: readonly Observation[];
  /** Resolves when the last request is answered. */
  stop(): Promise<void>;
}

/** Every caller asks every gateway `perSecond` times a second, whether it was answered or not. */
export function startFaultLoad(options: {
  readonly ports: readonly number[];
  readonly perSecond: number;
  readonly requestOf: (caller: Caller) => CallerRequest;
}): FaultLoad {
  const { ports, perSecond, requestOf } = options;
  const agent = new Agent({ keepAlive: true });
  const observations: Observation[] = [];
  const underWay = new Set<Promise<void>>();

  async function observe(caller: Caller, replica: number, port: number): Promise<void> {
    const sentAt = performance.now();
    const status = await ask(port, requestOf(caller), agent);
    observations.push({ caller, replica, sentAt, answeredAt: performance.now(), status });
  }

  const timer = setInterval(() => {
    for (const caller of CALLERS) {
      for (const [replica, port] of ports.entries()) {
        const observing = observe(caller, replica, port);
        underWay.add(observing);
        void observing.finally(() => underWay.delete(observing));
      }
    }
  }, 1000 / perSecond);

  return {
    observations,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      agent.destroy();
    },
  };
}
