import type { buildConnector } from 'undici';
import { Client } from 'undici';

export interface CheckSettings {
  /** Requested with GET; 2xx and 3xx are healthy. */
  readonly path: string;
  readonly host: string;
  readonly everyMilliseconds: number;
  readonly timeoutMilliseconds: number;
}

export interface HealthChecks {
  stop(): void;
}

/**
 * Checks a target at once and then `everyMilliseconds` after each answer, on a connection of its own: a target
 * whose connections are all busy is loaded, not ill.
 */
export function startHealthChecks(
  origin: string,
  connect: buildConnector.connector,
  settings: CheckSettings,
  report: (succeeded: boolean, reason: string) => void,
): HealthChecks {
  const client = new Client(origin, { connect, allowH2: false, pipelining: 1 });
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  async function check(): Promise<void> {
    const result = await ask(client, settings);
    if (isStopped) return;
    report(result.succeeded, result.reason);
    timer = setTimeout(() => void check(), settings.everyMilliseconds);
    timer.unref();
  }

  void check();
  return {
    stop() {
      isStopped = true;
      clearTimeout(timer);
      void client.destroy();
    },
  };
}

async function ask(
  client: Client,
  { path, host, timeoutMilliseconds }: CheckSettings,
): Promise<{ readonly succeeded: boolean; readonly reason: string }> {
  try {
    const { statusCode, body } = await client.request({
      path,
      method: 'GET',
      headers: { host, 'user-agent': 'gatehouse-health' },
      signal: AbortSignal.timeout(timeoutMilliseconds),
    });
    await body.dump();
    return { succeeded: statusCode >= 200 && statusCode < 400, reason: `status ${statusCode}` };
  } catch (error) {
    return { succeeded: false, reason: error instanceof Error ? error.message : 'failed' };
  }
}
