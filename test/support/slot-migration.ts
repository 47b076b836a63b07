import type { RunningRedis } from './redis.ts';

/** Moves every slot of a primary that has a key in it to another primary, key by key, as `redis-cli --cluster reshard` does. */
export async function migrateUsedSlots(
  from: RunningRedis,
  to: RunningRedis,
  others: readonly RunningRedis[],
): Promise<number> {
  const [fromId, toId] = await Promise.all([from, to].map(({ admin }) => admin.call('CLUSTER', 'MYID')));
  const used = new Set<number>();
  for (const key of await from.admin.keys('*'))
    used.add(Number(await from.admin.call('CLUSTER', 'KEYSLOT', key)));
  for (const slot of used) {
    await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(fromId));
    await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(toId));
    for (;;) {
      const keys = (await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 1)) as string[];
      if (keys.length === 0) break;
      await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys);
      // What makes it a migration under load: commands come between two keys.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const node of [to, from, ...others])
      await node.admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', String(toId));
  }
  return used.size;
}

/** Index of the primary that has the key. */
export async function findHolder(nodes: readonly RunningRedis[], key: string): Promise<number> {
  const held = await Promise.all(nodes.map(({ admin }) => admin.exists(key).catch(() => 0)));
  return held.indexOf(1);
}
