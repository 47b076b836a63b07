import { Agent, request } from 'node:http';
import { connect } from 'node:net';

/** Clients that keep their connections and ask again as soon as they are answered. */
export interface SteadyLoad {
  /** Answers so far, by status; `failed: CODE` where the connection broke. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly answered: () => number;
  /** Connections that were opened over all the time. */
  readonly connections: () => number;
  stop(): Promise<void>;
}

/** `clients` requests are under way at any time. */
export function startSteadyLoad(options: {
  readonly port: number;
  readonly path: string;
  readonly clients: number;
  readonly headers?: Readonly<Record<string, string>>;
}): SteadyLoad {
  const { port, path, clients, headers } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const outcomes = new Map<string, number>();
  let opened = 0;
  const stopping = new AbortController();
  agent.createConnection = () => {
    opened += 1;
    return connect(port, '127.0.0.1');
  };

  const ask = () =>
    new Promise<string>((resolve) => {
      const sent = request(
        { host: '127.0.0.1', port, path, agent, ...(headers && { headers }) },
        (answer) => {
          answer.resume();
          answer.once('end', () => resolve(String(answer.statusCode)));
          answer.once('error', (error) => resolve(`failed: ${error.message}`));
        },
      );
      sent.once('error', (error) => resolve(`failed: ${error.message}`));
      sent.end();
    });

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const outcome = await ask();
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  }
  const running = Array.from({ length: clients }, run);
  return {
    outcomes,
    answered: () => [...outcomes.values()].reduce((sum, count) => sum + count, 0),
    connections: () => opened,
    async stop() {
      stopping.abort();
      await Promise.all(running);
      agent.destroy();
    },
  };
}
