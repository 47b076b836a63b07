import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openFoundation } from '../../src/serve/foundation.ts';
import { type LoadedConfig, startGenerations } from '../../src/serve/generations.ts';

function configOf(body: string): string {
  return `
store: { embedded: { path: ":memory:" } }
upstreams: { api: { targets: ["http://127.0.0.1:1"] } }
routes: [{ id: all, match: { path: /** }, public: true, upstream: api, limits: { body: ${body} } }]
`;
}

/** Generations over a foundation whose store the test can take away. */
async function open() {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-generations-'));
  const file = path.join(folder, 'gatehouse.yaml');
  writeFileSync(file, configOf('1KiB'));
  const first = loadConfig(file, { env: {} });
  if (!first.ok) throw new Error('the configuration is refused');
  const foundation = await openFoundation(first.settings, pino({ level: 'silent' }), Date.now);
  const swapped: LoadedConfig[] = [];
  const behaviour = { onSwap: () => Promise.resolve() };
  let loads = 0;
  const generations = await startGenerations({
    file,
    env: {},
    foundation,
    first,
    onFiles() {
      loads += 1;
    },
    async onSwap(loaded) {
      await behaviour.onSwap();
      swapped.push(loaded);
    },
  });
  return {
    foundation,
    generations,
    swapped,
    behaviour,
    loads: () => loads,
    write: (body: string) => writeFileSync(file, configOf(body)),
    async close() {
      generations.close();
      await foundation.close();
      rmSync(folder, { recursive: true });
    },
  };
}

test('a configuration that cannot be put to use changes nothing at all', async () => {
  const opened = await open();
  const before = opened.generations.current();
  await opened.foundation.stores.close();
  opened.write('2KiB');
  expect(await opened.generations.reload()).toMatchObject({ outcome: 'refused', revision: before.revision });
  expect(opened.generations.current()).toBe(before);
  expect(opened.swapped).toEqual([]);
  expect(opened.generations.problems()).not.toEqual([]);
  await opened.close();
});

test('a swap that fails leaves the old generation serving, and the next one may succeed', async () => {
  const opened = await open();
  const before = opened.generations.current();
  opened.behaviour.onSwap = () => Promise.reject(new Error('the certificate does not fit'));
  opened.write('2KiB');
  expect(await opened.generations.reload()).toMatchObject({
    outcome: 'refused',
    errors: ['the certificate does not fit'],
  });
  expect(opened.generations.current()).toBe(before);
  opened.behaviour.onSwap = () => Promise.resolve();
  expect(await opened.generations.reload()).toMatchObject({ outcome: 'reloaded' });
  expect(opened.generations.current()).not.toBe(before);
  await opened.close();
});

test('reloads that are asked for at once happen one after the other, and the last file wins', async () => {
  const opened = await open();
  const reports = [];
  for (const body of ['2KiB', '3KiB', '4KiB']) {
    opened.write(body);
    reports.push(opened.generations.reload());
  }
  await Promise.all(reports);
  expect(opened.generations.current().settings.routes[0]?.limits.body).toBe(4096);
  expect(opened.generations.problems()).toEqual([]);
  await opened.close();
});

test('a change is loaded once, by whichever way and however often one hears of it', async () => {
  const opened = await open();
  expect(await opened.generations.reload('noticed')).toMatchObject({ outcome: 'unchanged' });
  expect(opened.loads()).toBe(0);
  opened.write('2KiB');
  const reports = await Promise.all([
    opened.generations.reload('noticed'),
    opened.generations.reload('asked'),
    opened.generations.reload('noticed'),
  ]);
  expect(reports.map(({ outcome }) => outcome)).toEqual(['reloaded', 'unchanged', 'unchanged']);
  expect(opened.loads()).toBe(1);
  // As it was at first is a change as well.
  opened.write('1KiB');
  expect(await opened.generations.reload('noticed')).toMatchObject({ outcome: 'reloaded' });
  await opened.close();
});

test('a file that was refused is looked at again when someone asks for it, and else when it changes', async () => {
  const opened = await open();
  opened.write('much');
  const refusal = await opened.generations.reload('noticed');
  expect(refusal).toMatchObject({ outcome: 'refused' });
  expect(await opened.generations.reload('noticed')).toEqual(refusal);
  expect(opened.loads()).toBe(1);
  expect(await opened.generations.reload('asked')).toEqual(refusal);
  expect(opened.loads()).toBe(2);
  expect(opened.generations.isWaiting()).toBe(false);
  opened.write('2KiB');
  expect(await opened.generations.reload('noticed')).toMatchObject({ outcome: 'reloaded' });
  await opened.close();
});

test('a sound configuration that waits for the store is not loaded again for each attempt', async () => {
  const opened = await open();
  opened.behaviour.onSwap = () => Promise.reject(new StoreUnavailable('the store does not answer'));
  opened.write('2KiB');
  for (let attempt = 1; attempt <= 3; attempt += 1)
    expect(await opened.generations.reload('noticed')).toMatchObject({ outcome: 'refused', isPassing: true });
  expect(opened.generations.isWaiting()).toBe(true);
  expect(opened.generations.problems().join()).toContain('the store does not answer');
  expect((await opened.foundation.metrics.expose()).body).toMatch(
    /config_reloads_total\{[^}]*failed[^}]*\} 1$/m,
  );
  opened.behaviour.onSwap = () => Promise.resolve();
  expect(await opened.generations.reload('noticed')).toMatchObject({ outcome: 'reloaded' });
  expect(opened.loads()).toBe(1);
  expect(opened.generations.current().settings.routes[0]?.limits.body).toBe(2048);
  await opened.close();
});
