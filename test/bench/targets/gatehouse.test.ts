import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { GATEHOUSE_VARIANTS, gatehouseTarget } from '../../../bench/targets/gatehouse.ts';

test('each credential is measured with each form of identity, under a name of its own', () => {
  const pairs = GATEHOUSE_VARIANTS.map(({ credential, identity }) => `${credential} ${identity}`);
  expect(new Set(pairs).size).toBe(6);
  expect(new Set(GATEHOUSE_VARIANTS.map(({ name }) => name)).size).toBe(6);
});

test('a Gatehouse target serves the configuration that was written for it, and sends its credential', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-bench-'));
  try {
    const [variant] = GATEHOUSE_VARIANTS;
    if (variant === undefined) throw new Error('no variant');
    const target = gatehouseTarget(variant, (_variant, { port, upstreamPort }) => ({
      config: `listen: ${port}\nupstream: ${upstreamPort}\n`,
      fields: { 'X-Api-Key': 'ghk_x' },
    }));
    const launch = await target.prepare({ port: 1, upstreamPort: 2, folder });
    expect(launch.fields).toEqual({ 'X-Api-Key': 'ghk_x' });
    expect(launch.args.slice(1, 3)).toEqual(['serve', '--config']);
    expect(await readFile(launch.args[3] ?? '', 'utf8')).toBe('listen: 1\nupstream: 2\n');
  } finally {
    await rm(folder, { recursive: true });
  }
});
