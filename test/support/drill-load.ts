import { type Agent, request } from 'node:http';

/** What the clients of a drill do. Each has an answer that it gets while Redis is well. */
export const DRILL_KINDS = [
  'remembered key',
  'fresh key',
  'session',
  'login',
  'token',
  'new key',
  'revocation',
  'revoked key',
  'public',
] as const;
export type DrillKind = (typeof DRILL_KINDS)[number];

export interface DrillRequest {
  readonly port: number;
  readonly method?: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface DrillAnswer {
  /** 0: none. */
  readonly status: number;
  readonly body: string;
  readonly cookies: readonly string[];
}

export interface DrillObservation {
  readonly kind: DrillKind;
  /** Index of the gateway. */
  readonly replica: number;
  /** Milliseconds of `performance.now()`. */
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly status: number;
  /** When the revocation of the key that was presented had been acknowledged. */
  readonly revokedAt?: number;
}

const PATIENCE_MILLISECONDS = 15_000;

/** Never rejects. */
export function send(asked: DrillRequest, host: string, agent: Agent): Promise<DrillAnswer> {
  const { port, method = 'GET', path, headers, body } = asked;
  const { promise, resolve } = Promise.withResolvers<DrillAnswer>();
  const sent = request({ host, port, method, path, headers, agent }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    answer.once('end', () =>
      resolve({
        status: answer.statusCode ?? 0,
        body: text,
        cookies: answer.headers['set-cookie'] ?? [],
      }),
    );
    answer.once('error', () => resolve({ status: 0, body: '', cookies: [] }));
  });
  sent.setTimeout(PATIENCE_MILLISECONDS, () => sent.destroy());
  sent.once('error', () => resolve({ status: 0, body: '', cookies: [] }));
  sent.end(body);
  return promise;
}

/** One client of one kind at one gateway: asks, notes, and says what became of it. */
export interface DrillClient {
  readonly kind: DrillKind;
  readonly replica: number;
  /** Requests in a second. */
  readonly rate: number;
  /** `undefined`: there is nothing to ask now. */
  ask(): Promise<Pick<DrillObservation, 'status' | 'revokedAt'>> | undefined;
}

export interface DrillLoad {
  readonly observations: readonly DrillObservation[];
  /** Resolves when the last request is answered. */
  stop(): Promise<void>;
}

/** Everybody asks at their rate, whether they were answered or not. */
export function startDrillLoad(clients: readonly DrillClient[]): DrillLoad {
  const observations: DrillObservation[] = [];
  const underWay = new Set<Promise<void>>();

  async function observe(client: DrillClient): Promise<void> {
    const sentAt = performance.now();
    const asked = client.ask();
    if (asked === undefined) return;
    const answer = await asked;
    const { kind, replica } = client;
    observations.push({ kind, replica, sentAt, answeredAt: performance.now(), ...answer });
  }

  const timers = clients.map((client) =>
    setInterval(() => {
      const observing = observe(client);
      underWay.add(observing);
      void observing.finally(() => underWay.delete(observing));
    }, 1000 / client.rate),
  );

  return {
    observations,
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}
