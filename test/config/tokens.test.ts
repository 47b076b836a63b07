import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-tokens-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Places that a configuration with a client of the token service is warned of. */
function warnedOf(publicUrl: string): readonly string[] {
  const file = path.join(folder, 'gatehouse.yaml');
  const erp = {
    secretDigest: `sha256:${'0'.repeat(64)}`,
    grants: ['client_credentials'],
    tenants: ['acme'],
  };
  writeFileSync(
    file,
    stringify({
      publicUrl,
      tenants: { acme: {} },
      clients: { erp },
      upstreams: { orders: { targets: ['http://orders:8080'] } },
      routes: [{ id: 'all', match: { path: '/**' }, accept: ['bearer'], upstream: 'orders' }],
    }),
  );
  const loaded = loadConfig(file, { env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.warnings.map((warning) => warning.path);
}

test.each(['http://api.example.com', 'http://10.0.0.1', 'http://localhost.example.com'])(
  'tokens that would travel in the clear are warned of: %s',
  (publicUrl) => {
    expect(warnedOf(publicUrl)).toEqual(['publicUrl']);
  },
);

test.each([
  'https://api.example.com',
  'http://localhost:8080',
  'http://127.0.0.1:8080',
  'http://[::1]:8080',
  'http://acme.localhost',
])('what is encrypted, or stays on the machine, is not warned of: %s', (publicUrl) => {
  expect(warnedOf(publicUrl)).toEqual([]);
});
