import { describe, expect, it, onTestFinished } from 'vitest';
import { describeDrill, expectDrillPromises } from '../support/drill-report.ts';
import { type DrillReport, openDrillScene } from '../support/drill-scene.ts';
import { type RunningRedis, redisMissing, startRedisCluster, until } from '../support/redis.ts';
import { findHolder, migrateUsedSlots } from '../support/slot-migration.ts';

const FEED = 'gatehouse:{gatehouse:state}:feed';

async function openCluster(options: Parameters<typeof startRedisCluster>[0]) {
  const nodes = await startRedisCluster(options);
  for (const node of nodes) onTestFinished(() => node.stop());
  const primaries = nodes.slice(0, 3);
  const scene = await openDrillScene({
    redis: { cluster: primaries.map(({ port }) => `127.0.0.1:${port}`), commandTimeout: '1s' },
  });
  onTestFinished(() => scene.stop());
  const holder = await findHolder(primaries, FEED);
  return { nodes, primaries, scene, holder };
}

function nodeAt(nodes: readonly RunningRedis[], at: number): RunningRedis {
  const node = nodes[at];
  if (node === undefined) throw new Error(`no node ${at}`);
  return node;
}

function show(name: string, report: DrillReport): void {
  process.stdout.write(describeDrill(name, report));
}

describe.skipIf(redisMissing)(`two gateways under load on Redis Cluster ${redisMissing ?? ''}`, () => {
  it('keep their promises while the slots in use move to another node', async () => {
    const { primaries, scene, holder } = await openCluster({});
    const [from, to] = [nodeAt(primaries, holder), nodeAt(primaries, (holder + 1) % 3)];
    let moved = 0;
    const report = await scene.run({
      async begin() {
        moved = await migrateUsedSlots(from, to, [nodeAt(primaries, (holder + 2) % 3)]);
      },
      lasts: 1000,
    });
    show(`${moved} slots moved while in use`, report);
    expectDrillPromises(report);
    expect(await findHolder(primaries, FEED)).toBe((holder + 1) % 3);
  });

  it('keep their promises when the primary of the slot in use is killed and its replica promoted', async () => {
    const { nodes, primaries, scene, holder } = await openCluster({ hasReplicas: true });
    const report = await scene.run({
      begin: () => nodeAt(primaries, holder).kill(),
      lasts: 1000,
      end: () =>
        until(
          'the replica is promoted',
          async () => (await nodeAt(nodes, holder + 3).admin.info('replication')).includes('role:master'),
          30_000,
        ),
    });
    show('primary of the slot in use killed with -9, cluster-node-timeout 2 s', report);
    expectDrillPromises(report);
  });

  it.each([
    ['yes', 'everything stops'],
    ['no', 'what is elsewhere goes on'],
  ])('keep their promises when a shard is lost, cluster-require-full-coverage %s: %s', async (coverage) => {
    const { primaries, scene, holder } = await openCluster({
      redisArgs: ['--cluster-require-full-coverage', coverage],
    });
    const lost = nodeAt(primaries, (holder + 1) % 3);
    const report = await scene.run({ begin: () => lost.kill(), lasts: 8000, end: () => lost.start() });
    show(`a shard without replica lost for 8 s, cluster-require-full-coverage ${coverage}`, report);
    expectDrillPromises(report);
  });
});
