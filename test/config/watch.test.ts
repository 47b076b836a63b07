import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type FileWatch, type FileWatchOptions, watchFiles } from '../../src/config/watch.ts';

let folder: string;
let watched: FileWatch | undefined;
let calls: number;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-watch-'));
  calls = 0;
});
afterEach(() => {
  watched?.close();
  watched = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const at = (...names: string[]) => path.join(folder, ...names);
/** Without the poll, so that the events themselves are tested. */
const EVENTS_ONLY = { debounceMilliseconds: 20, pollMilliseconds: 3_600_000 } as const;
const POLL_ONLY = { debounceMilliseconds: 3_600_000, pollMilliseconds: 20 } as const;

function watchIn(files: readonly string[], options: FileWatchOptions = EVENTS_ONLY): FileWatch {
  const started = watchFiles(files, () => (calls += 1), options);
  watched = started;
  return started;
}

/** Waits for the calls, and then long enough for one too many to arrive. */
async function expectCalls(count: number): Promise<void> {
  await vi.waitFor(() => expect(calls).toBe(count), { timeout: 5000, interval: 5 });
  await delay(100);
  expect(calls).toBe(count);
}

describe('one call for each change of content', () => {
  test('written in place', async () => {
    writeFileSync(at('a.yaml'), 'one');
    watchIn([at('a.yaml')]);
    writeFileSync(at('a.yaml'), 'two');
    await expectCalls(1);
    writeFileSync(at('a.yaml'), 'three');
    await expectCalls(2);
  });

  test('replaced by rename, as editors do, again and again', async () => {
    writeFileSync(at('a.yaml'), 'one');
    watchIn([at('a.yaml')]);
    for (const [index, text] of ['two', 'three'].entries()) {
      writeFileSync(at('.a.yaml.swp'), text);
      renameSync(at('.a.yaml.swp'), at('a.yaml'));
      await expectCalls(index + 1);
    }
  });

  test('a ConfigMap whose ..data link is swapped', async () => {
    mkdirSync(at('..one'));
    writeFileSync(at('..one', 'a.yaml'), 'one');
    symlinkSync('..one', at('..data'));
    symlinkSync(path.join('..data', 'a.yaml'), at('a.yaml'));
    watchIn([at('a.yaml')]);
    for (const [index, version] of ['..two', '..three'].entries()) {
      mkdirSync(at(version));
      writeFileSync(at(version, 'a.yaml'), version);
      symlinkSync(version, at('..data_tmp'));
      renameSync(at('..data_tmp'), at('..data'));
      await expectCalls(index + 1);
    }
  });

  test('a file behind a link into another folder, written there', async () => {
    mkdirSync(at('secrets'));
    mkdirSync(at('config'));
    writeFileSync(at('secrets', 'key'), 'one');
    symlinkSync(at('secrets', 'key'), at('config', 'key'));
    watchIn([at('config', 'key')]);
    writeFileSync(at('secrets', 'key'), 'two');
    await expectCalls(1);
  });

  test('a file that goes and a file that comes', async () => {
    writeFileSync(at('a.yaml'), 'one');
    watchIn([at('a.yaml'), at('b.yaml')]);
    writeFileSync(at('b.yaml'), 'new');
    await expectCalls(1);
    rmSync(at('a.yaml'));
    await expectCalls(2);
  });

  test('several files in one go are one change', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(at(name), 'one');
    watchIn([at('a'), at('b'), at('c')]);
    for (const name of ['a', 'b', 'c']) writeFileSync(at(name), 'two');
    await expectCalls(1);
  });
});

describe('no call', () => {
  test('when the content is the same, however it was written', async () => {
    writeFileSync(at('a.yaml'), 'one');
    watchIn([at('a.yaml')], { debounceMilliseconds: 5, pollMilliseconds: 10 });
    writeFileSync(at('a.yaml'), 'one');
    writeFileSync(at('other'), 'one');
    renameSync(at('other'), at('a.yaml'));
    writeFileSync(at('neighbour'), 'x');
    await expectCalls(0);
  });

  test('after close', async () => {
    writeFileSync(at('a.yaml'), 'one');
    const started = watchIn([at('a.yaml')]);
    writeFileSync(at('a.yaml'), 'two');
    started.close();
    await expectCalls(0);
  });
});

test('where no events come, the poll notices', async () => {
  writeFileSync(at('a.yaml'), 'one');
  watchIn([at('a.yaml')], POLL_ONLY);
  writeFileSync(at('a.yaml'), 'two');
  await expectCalls(1);
});

test('a folder that does not exist yet is watched once it does', async () => {
  watchIn([at('later', 'a.yaml')], { debounceMilliseconds: 5, pollMilliseconds: 20 });
  mkdirSync(at('later'));
  writeFileSync(at('later', 'a.yaml'), 'one');
  await vi.waitFor(() => expect(calls).toBe(1), { timeout: 5000, interval: 5 });
});

test('following other files forgets the former ones, and misses nothing in between', async () => {
  writeFileSync(at('kept'), 'one');
  writeFileSync(at('dropped'), 'one');
  const started = watchIn([at('kept'), at('dropped')]);
  writeFileSync(at('kept'), 'two');
  started.follow([at('kept'), at('new')]);
  await expectCalls(1);
  writeFileSync(at('dropped'), 'two');
  await expectCalls(1);
  writeFileSync(at('new'), 'one');
  await expectCalls(2);
});
