import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeDrill, expectDrillPromises } from '../support/drill-report.ts';
import { type DrillReport, openDrillScene } from '../support/drill-scene.ts';
import { type RunningRedis, redisMissing, until } from '../support/redis.ts';
import { type SentinelGroup, startSentinelGroup } from '../support/sentinel-group.ts';

const DOWN_AFTER = 1000;

async function openGroup(redisArgs: readonly string[] = []) {
  const group = await startSentinelGroup({ downAfter: DOWN_AFTER, redisArgs });
  onTestFinished(() => group.stop());
  const scene = await openDrillScene({ redis: { ...group.redis, commandTimeout: '1s' } });
  onTestFinished(() => scene.stop());
  return { group, scene };
}

function show(name: string, report: DrillReport): void {
  process.stdout.write(describeDrill(name, report));
}

async function isPromoted(group: SentinelGroup, former: { readonly port: number }): Promise<boolean> {
  const primary = await group.primary();
  if (primary.port === former.port) return false;
  return (await primary.admin.info('replication')).includes('role:master');
}

/** As many as one gateway has: who connects anew asks the sentinels before the others do. */
async function endNewestConnections({ admin }: RunningRedis): Promise<void> {
  const list = String(await admin.call('CLIENT', 'LIST', 'TYPE', 'normal'));
  const ids = list.split('\n').flatMap((line) => {
    const [, id] = /^id=(\d+) .*name=gatehouse/.exec(line) ?? [];
    return id === undefined ? [] : [Number(id)];
  });
  for (const id of ids.toSorted((one, other) => one - other).slice(-2))
    await admin.call('CLIENT', 'KILL', 'ID', id);
}

/** The primary goes on alone: it takes the links of its replicas for dead, as after a cut of the network. */
async function cutOffReplicas([primary, ...replicas]: readonly RunningRedis[]): Promise<void> {
  for (const replica of replicas) await replica.admin.config('SET', 'masterauth', 'wrong');
  await primary?.admin.config('SET', 'requirepass', 'other');
  await primary?.admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
}

describe.skipIf(redisMissing)(`two gateways under load on Sentinel ${redisMissing ?? ''}`, () => {
  it('keep their promises when the primary is killed', async () => {
    const { group, scene } = await openGroup();
    const former = await group.primary();
    const report = await scene.run({
      begin: () => former.kill(),
      lasts: 1000,
      end: () => until('a replica is promoted', () => isPromoted(group, former), 30_000),
    });
    show(`primary killed with -9, down-after-milliseconds ${DOWN_AFTER}`, report);
    expectDrillPromises(report);
    expect((await group.primary()).port).not.toBe(former.port);
  });

  it('keep their promises when the primary is killed, and its replicas lack what it acknowledged last', async () => {
    const { group, scene } = await openGroup();
    const former = await group.primary();
    const report = await scene.run({
      async begin() {
        await cutOffReplicas(group.servers);
        await delay(500);
        await former.kill();
        for (const replica of group.servers.slice(1)) await replica.admin.config('SET', 'masterauth', '');
      },
      lasts: 1500,
      end: () => until('a replica is promoted', () => isPromoted(group, former), 30_000),
    });
    show('primary killed with -9 when its replicas were 0.5 s behind', report);
    expectDrillPromises(report);
    expect(report.putBack).toBeGreaterThan(0);
    expect(report.forgotten.newKeys).toBe(0);
  });

  it.each([
    ['without', []],
    ['with', ['--min-replicas-to-write', '1', '--min-replicas-max-lag', '1']],
  ])('keep their promises in a planned failover %s min-replicas-to-write', async (which, redisArgs) => {
    const { group, scene } = await openGroup(redisArgs);
    const former = await group.primary();
    const report = await scene.run({
      async begin() {
        await group.sentinels[0]?.admin.call('SENTINEL', 'FAILOVER', 'gatehouse');
        await until('a replica is promoted', () => isPromoted(group, former), 30_000);
        await endNewestConnections(former);
      },
      lasts: 15_000,
    });
    show(`SENTINEL FAILOVER, ${which} min-replicas-to-write`, report);
    expectDrillPromises(report);
    expect(report.forgotten.newKeys).toBe(0);
  });

  it('keep their promises when the primary stands still and comes back after another was promoted', async () => {
    const { group, scene } = await openGroup();
    const former = await group.primary();
    const report = await scene.run({
      begin: () => former.pause(),
      lasts: 8000,
      async end() {
        expect(await isPromoted(group, former)).toBe(true);
        former.resume();
      },
    });
    show('primary paused (SIGSTOP) for 8 s', report);
    expectDrillPromises(report);
  });
});
