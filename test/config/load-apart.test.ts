import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Secret } from '../../src/base/secret.ts';
import { type LoadResult, loadConfig } from '../../src/config/load.ts';
import { type LoadApartOptions, loadConfigApart } from '../../src/config/load-apart.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-load-'));
  file = path.join(folder, 'gatehouse.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

const ENV = { PEPPER: 'hunter2-is-the-sign-of-a-leak-0123456789' };

function manyOf<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** So much of everything that each list and map goes in several parts, with secrets in all of them. */
function large(changes: Readonly<Record<string, unknown>> = {}): string {
  const names = manyOf(300, (index) => `api-${index}`);
  return stringify({
    store: { embedded: { path: ':memory:' } },
    apiKeys: { pepper: '${env:PEPPER}' },
    tenants: Object.fromEntries(names.map((name) => [name, {}])),
    upstreams: Object.fromEntries(
      names.map((name, index) => [
        name,
        {
          targets: ['http://127.0.0.1:1'],
          credentials: { basic: { username: 'gatehouse', password: `open sesame ${index}` } },
        },
      ]),
    ),
    routes: names.map((name) => ({
      id: name,
      match: { path: `/${name}/**` },
      accept: ['apiKey'],
      upstream: name,
    })),
    ...changes,
  });
}

async function loadApart(options: Partial<LoadApartOptions> = {}) {
  const troubles: unknown[] = [];
  const result = await loadConfigApart(file, {
    env: ENV,
    onTrouble: (error) => troubles.push(error),
    ...options,
  });
  return { result, troubles };
}

/** With every secret as what it holds, since two secrets are alike to every comparison. */
function revealed(value: unknown): unknown {
  if (value instanceof Secret) return { reveals: value.reveal() };
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, revealed(member)]));
}

/** Turns of the event loop until then: what else there is to do is done in them. */
async function turnsUntil(loaded: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isLoading = true;
  const count = (): void => {
    turns += 1;
    if (isLoading) setImmediate(count);
  };
  setImmediate(count);
  await loaded;
  isLoading = false;
  return turns;
}

function moduleOf(source: string): URL {
  const name = path.join(folder, 'thread.mjs');
  writeFileSync(name, source);
  return pathToFileURL(name);
}

async function expectInPlace(options: Partial<LoadApartOptions>, trouble: RegExp): Promise<void> {
  writeFileSync(file, large());
  const { result, troubles } = await loadApart(options);
  expect(troubles.map(String)).toEqual([expect.stringMatching(trouble)]);
  const inPlace: LoadResult = loadConfig(file, { env: ENV });
  expect(revealed(result)).toStrictEqual(revealed(inPlace));
}

describe('a large configuration', () => {
  it('comes out of the thread as it would have been loaded in place, secrets and all', async () => {
    writeFileSync(file, large());
    const { result, troubles } = await loadApart();
    expect(troubles).toEqual([]);
    expect(result.ok).toBe(true);
    expect(revealed(result)).toStrictEqual(revealed(loadConfig(file, { env: ENV })));
    expect(JSON.stringify(revealed(result))).toContain('{"reveals":"open sesame 299"}');
  });

  it('is loaded while the event loop goes round', async () => {
    writeFileSync(file, large());
    expect(await turnsUntil(loadApart())).toBeGreaterThan(20);
  });

  it('that is bad is told of with line and column, whatever is wrong with it', async () => {
    const bad = [
      large({ rutes: [] }),
      large().replace('upstream: api-299', 'upstream: api-2999'),
      large({ apiKeys: { pepper: '${env:NOT_THERE}' } }),
      `${large()}routes: [`,
      `${large()}"\xff`,
    ];
    for (const text of bad) {
      writeFileSync(file, text, 'latin1');
      const { result, troubles } = await loadApart();
      expect(troubles).toEqual([]);
      expect(result.ok).toBe(false);
      expect(result).toEqual(loadConfig(file, { env: ENV }));
    }
  });
});

describe('a thread', () => {
  it('that fails is no reason not to load', () =>
    expectInPlace({ thread: moduleOf('throw new Error("no such luck");') }, /no such luck/));

  it('that ends without a word is no reason not to load', () =>
    expectInPlace({ thread: moduleOf('') }, /ended without an answer/));

  it('that cannot be started is no reason not to load', () =>
    expectInPlace({ thread: pathToFileURL(path.join(folder, 'nowhere.mjs')) }, /Cannot find module/));

  it('that hangs is not waited for', () =>
    expectInPlace({ thread: moduleOf('setInterval(() => {}, 1000);'), patienceMilliseconds: 50 }, /abort/i));

  it('that lost a part of the settings is not believed', () =>
    expectInPlace(
      {
        thread: moduleOf(
          "import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ ok: true, parts: 1 });",
        ),
      },
      /a part of the settings is missing/,
    ));
});
