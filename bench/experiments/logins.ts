import { Agent, request } from 'node:http';
import path from 'node:path';
import { PUBLIC_HOST } from '../load/request.ts';
import type { Lab } from '../measure/lab.ts';
import { percentile } from '../measure/percentile.ts';
import { processTree } from '../measure/processes.ts';
import { openCpuMeter } from '../measure/schedstat.ts';
import { nextMessage } from '../process/messages.ts';
import { alignColumns } from '../report/table.ts';
import { loadKnownSessions, TENANT } from './bulk-load.ts';
import type { Experiment, ExperimentPlan, Findings } from './experiment.ts';
import { ADMIN_TOKEN, type GatewayOnRedis, presentingSessions, startGateway } from './gateway-on-redis.ts';
import { startRedisServer } from './redis-server.ts';

const AT_ONCE = 32;
const WARM_UP = 500;
const ENDED = 1000;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly milliseconds: number;
}

async function measure(lab: Lab, plan: ExperimentPlan, progress: (line: string) => void): Promise<Findings> {
  const redis = await startRedisServer(lab);
  const upstream = lab.start({
    command: process.execPath,
    args: [path.resolve(import.meta.dirname, '../upstream/login.ts')],
    core: lab.cores.load,
    ipc: true,
  });
  const loginPort = Number(await nextMessage(upstream));
  const presenting = presentingSessions(await loadKnownSessions(redis, 1));
  const { config } = presenting;
  const gateway = await startGateway(lab, {
    ...presenting,
    name: 'logins',
    redis,
    cached: 50_000,
    config: {
      ...config,
      login: { legacy: { ...(config['login'] as { legacy: object }).legacy, upstream: 'login' } },
      // All of one user at once are counted until each is known to be right.
      sessions: { perUser: 10_000, failedLogins: { perUser: '1000/s', perPeer: '1000/s' } },
    },
    upstream: {},
    upstreams: { login: { targets: [`http://127.0.0.1:${loginPort}`] } },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  try {
    progress('warm-up');
    await logIn(agent, gateway, WARM_UP, (serial) => `warm-${serial}`);
    progress(`${plan.count} logins, ${AT_ONCE} at a time`);
    const meter = openCpuMeter(processTree(gateway.process.pid));
    const cpuBefore = meter.read();
    const began = performance.now();
    const answers = await logIn(agent, gateway, plan.count, (serial) => `user-${serial}`);
    const seconds = (performance.now() - began) / 1000;
    const cpu = (meter.read() - cpuBefore) / 1000 / plan.count;
    meter.close();
    progress(`${ENDED} sessions of one user`);
    await logIn(agent, gateway, ENDED, () => 'anna');
    const ending = await endSessions(agent, gateway);
    return report(plan.count, seconds, cpu, answers, ending);
  } finally {
    agent.destroy();
    redis.client.disconnect();
  }
}

async function logIn(
  agent: Agent,
  { port }: GatewayOnRedis,
  count: number,
  nameOf: (serial: number) => string,
): Promise<readonly number[]> {
  const times: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) {
        const serial = next;
        next += 1;
        const body = JSON.stringify({
          client_id: 'web-app',
          username: nameOf(serial),
          password: 'pw',
          tenant: TENANT,
        });
        const answer = await post(
          agent,
          port,
          '/session',
          { 'Gatehouse-CSRF': '1', 'Sec-Fetch-Site': 'same-origin', Host: PUBLIC_HOST },
          body,
        );
        if (answer.status !== 200) throw new Error(`a login was answered ${answer.status}: ${answer.body}`);
        times.push(answer.milliseconds);
      }
    }),
  );
  return times;
}

async function endSessions(agent: Agent, { adminPort }: GatewayOnRedis): Promise<Answer> {
  const body = JSON.stringify({ subject: `user:legacy:${TENANT}:anna` });
  const answer = await post(
    agent,
    adminPort,
    '/v1/sessions/end',
    { Authorization: `Bearer ${ADMIN_TOKEN}` },
    body,
  );
  const { ended } = JSON.parse(answer.body) as { ended?: number };
  if (ended !== ENDED) throw new Error(`${ended} sessions ended: ${answer.status} ${answer.body}`);
  return answer;
}

function post(
  agent: Agent,
  port: number,
  target: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sentAt = performance.now();
  const options = { host: '127.0.0.1', port, path: target, method: 'POST', agent };
  request(
    {
      ...options,
      headers: { ...headers, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
    },
    (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body: text, milliseconds: performance.now() - sentAt }),
      );
      response.once('error', reject);
    },
  )
    .once('error', reject)
    .end(body);
  return promise;
}

function report(
  count: number,
  seconds: number,
  cpu: number,
  times: readonly number[],
  ending: Answer,
): Findings {
  const figures = {
    logins: count,
    loginsPerSecond: count / seconds,
    cpuMicrosecondsPerLogin: cpu,
    p50Ms: percentile(times, 0.5) ?? 0,
    p99Ms: percentile(times, 0.99) ?? 0,
    endedSessions: ENDED,
    endMs: ending.milliseconds,
  };
  const text = [
    alignColumns([
      ['logins', '/s', 'CPU µs each', 'p50 ms', 'p99 ms', `end ${ENDED} sessions of one user, ms`],
      [
        String(count),
        figures.loginsPerSecond.toFixed(0),
        cpu.toFixed(0),
        figures.p50Ms.toFixed(1),
        figures.p99Ms.toFixed(1),
        figures.endMs.toFixed(0),
      ],
    ]),
    '',
    `POST /session, ${AT_ONCE} at a time, each of another user, over an upstream that takes every password; sessions in Redis.`,
  ].join('\n');
  return { figures, text };
}

export const loginsExperiment: Experiment = {
  name: 'logins',
  about:
    'logins per second by POST /session over an upstream, and the time to end 1,000 sessions of one user',
  counted: 'logins',
  defaults: { count: 10_000 },
  run: measure,
};
