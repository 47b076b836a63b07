import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { formatWarning } from '../../src/config/problem.ts';
import { summaryOf } from './golden-summary.ts';

const folder = path.join(import.meta.dirname, 'accepted');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .sort();

describe('a sound file is compiled to the settings beside it', () => {
  test.each(names)('%s', (name) => {
    const expected = readFileSync(path.join(folder, name.replace(/\.yaml$/, '.settings.json')), 'utf8');
    expect(summaryOf(folder, name)).toEqual(JSON.parse(expected));
  });
});

test('references in secrets and addresses are resolved, and a file loses one trailing newline', () => {
  const result = loadConfig(path.join(folder, 'files.yaml'), {
    env: { ORDERS_HOST: 'orders.internal', ACCESS: 'granted' },
  });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { upstreams, apiKeys } = result.settings;
  const secret = 'a secret of a file, long enough for HMAC';
  expect(upstreams['orders']?.targets).toEqual(['https://orders.internal:8443']);
  expect(upstreams['orders']?.credentials.fields).toEqual({ 'X-Access': `granted and ${secret}` });
  expect(apiKeys.pepper?.reveal()).toBe(secret);
});

test('a warning names its place and changes nothing', () => {
  const file = path.join(folder, 'units.yaml');
  const result = loadConfig(file, { env: {} });
  expect(result.ok ? result.warnings.map(formatWarning) : []).toContain(
    `${file}:19:31 admin.tokens[0].token: a secret written into the file: use \${env:NAME} or \${file:PATH}`,
  );
});
