import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SoakFigures } from '../../../bench/soak/report.ts';
import { redisMissing } from '../../support/redis.ts';

const ENTRY = path.resolve(import.meta.dirname, '../../../bench/soak/main.ts');
const skipped = process.platform === 'linux' ? redisMissing : 'it needs /proc';
/** `npm run verify` takes a minute; otherwise each thing that goes wrong goes wrong about once. */
const MINUTES = process.env['GATEHOUSE_VERIFY'] === '1' ? '1' : '0.05';

describe.skipIf(skipped)(`a slice of the soak ${skipped ?? ''}`, () => {
  it('finds no answer without a reason, no revoked credential that passes, no descriptor left open', async () => {
    const soak = spawn(process.execPath, [ENTRY, '--minutes', MINUTES, '--output', 'json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [output, progress] = ['', ''];
    soak.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    soak.stderr.setEncoding('utf8').on('data', (text: string) => (progress += text));
    const [code] = (await once(soak, 'close')) as [number];
    expect(output, progress).not.toBe('');
    const figures = JSON.parse(output) as SoakFigures;
    expect(figures.failures).toEqual([]);
    expect(code).toBe(0);
    expect(figures.storeRestarts).toBe(1);
    expect(figures.revocationMs.count).toBeGreaterThan(0);
    const askers = new Set(figures.tallies.map(({ asker }) => asker));
    expect([...askers].toSorted()).toEqual(
      expect.arrayContaining(['HTTP/2', 'login', 'reload', 'revoked key', 'steady load']),
    );
  }, 150_000);
});
