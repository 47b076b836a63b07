import { setTimeout as wait } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { startSwitchableTarget } from '../support/bad-target.ts';
import { ask } from '../support/fault-load.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type SteadyLoad, startSteadyLoad } from '../support/load.ts';

const CONNECTIONS = 4;
const QUEUE = 8;
const ROUNDS = process.env['GATEHOUSE_VERIFY'] === '1' ? 2_000 : 60;

interface Tenants {
  readonly gateway: TestGateway;
  readonly slow: Awaited<ReturnType<typeof startSwitchableTarget>>;
  /** Fields with the key of a tenant. */
  readonly acme: Readonly<Record<string, string>>;
  readonly globex: Readonly<Record<string, string>>;
}

/** Two tenants of one upstream, each with a target of its own; that of acme is about to fall ill. */
async function tenants(): Promise<Tenants> {
  const [slow, well] = [await startSwitchableTarget(), await startSwitchableTarget()];
  const gateway = await startTestGateway({
    logging: { level: 'error', requests: 'none' },
    audit: { requests: 'denied' },
    tenants: {
      acme: { upstreams: { api: [slow.origin] } },
      globex: { upstreams: { api: [well.origin] } },
    },
    upstreams: {
      api: {
        targets: ['http://127.0.0.1:1'],
        connections: CONNECTIONS,
        queue: QUEUE,
        timeouts: { connect: '300ms', headers: '30s' },
      },
    },
    routes: [{ id: 'api', match: { path: '/api' }, accept: ['apiKey'], upstream: 'api' }],
  });
  onTestFinished(async () => {
    await slow.become('well');
    await gateway.stop();
    await Promise.all([slow.close(), well.close()]);
  });
  const fieldsOf = async (tenant: string) => ({ 'x-api-key': (await gateway.issueKey(tenant)).key });
  return { gateway, slow, acme: await fieldsOf('acme'), globex: await fieldsOf('globex') };
}

/** How long each of these requests took, one after the other; milliseconds, sorted. */
async function times({ gateway, globex }: Tenants): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const begun = performance.now();
    expect(await ask(gateway.port, { path: '/api', headers: globex })).toBe(200);
    taken.push(performance.now() - begun);
  }
  return taken.sort((one, other) => one - other);
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function hammer({ gateway, acme }: Tenants, clients: number): SteadyLoad {
  const load = startSteadyLoad({ port: gateway.port, path: '/api', clients, headers: acme });
  onTestFinished(() => void load.stop());
  return load;
}

it("while nothing of one tenant's upstream answers, another tenant's requests take as long as before", async () => {
  const scene = await tenants();
  const before = await times(scene);
  await scene.slow.become('stalls');
  const load = hammer(scene, CONNECTIONS);
  await expect.poll(() => scene.slow.requests()).toBe(CONNECTIONS);
  const during = await times(scene);
  const told = [before, during].map((each) => `${percentile(each, 0.99).toFixed(1)} ms`).join(' before, ');
  process.stdout.write(`p99 of the other tenant: ${told} while all connections of the first one hang\n`);
  expect(load.answered()).toBe(0);
  expect(percentile(during, 0.5)).toBeLessThan(percentile(before, 0.5) * 5);
});

it('who finds no connection is told in time: 503 at once where too many wait, and after the time to connect where not', async () => {
  const scene = await tenants();
  const { gateway, acme } = scene;
  await scene.slow.become('stalls');
  const load = hammer(scene, CONNECTIONS + QUEUE);
  await expect.poll(() => scene.slow.requests()).toBe(CONNECTIONS);
  await expect.poll(() => load.outcomes.get('503') ?? 0).toBeGreaterThan(0);
  // While connections hang, each answer is 503, and none takes longer than the time to connect and some.
  const begun = performance.now();
  const statuses = await Promise.all(
    Array.from({ length: 3 * QUEUE }, () => ask(gateway.port, { path: '/api', headers: acme })),
  );
  expect(new Set(statuses)).toEqual(new Set([503]));
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(await gateway.metrics()).toMatch(
    /gatehouse_upstream_failures_total\{upstream="api",code="upstream_busy"\} [1-9]/,
  );
  // Busy is not ill: when it answers again, everybody is answered.
  await scene.slow.become('well');
  await wait(50);
  await expect.poll(() => ask(gateway.port, { path: '/api', headers: acme })).toBe(200);
});
