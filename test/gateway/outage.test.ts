import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { issueKey } from '../support/api-keys.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { outcomeOf, wire } from '../support/wire.ts';

const SCOPES = Array.from({ length: 100 }, (_, index) => `scope-${index}-${'s'.repeat(100)}`);

let folder: string;
let store: string;
let upstream: RawUpstream;
let gateway: TestGateway;
/** Records of one page each, and of many. */
let small: readonly string[];
let large: readonly string[];

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-outage-'));
  store = path.join(folder, 'gatehouse.db');
  const stores = openEmbeddedStore({ path: store, clock: Date.now });
  const issue = async (scopes: readonly string[]) => (await issueKey(stores.apiKeys, { scopes })).key;
  small = [await issue([]), await issue([])];
  large = [await issue(SCOPES), await issue(SCOPES), await issue(SCOPES)];
  await stores.close();
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  gateway = await startTestGateway({
    store: { embedded: { path: store } },
    limits: { failedCredentials: '2/min' },
    tenants: { acme: {} },
    upstreams: { api: { targets: [upstream.origin] } },
    routes: [
      { id: 'api', match: { path: '/api' }, accept: ['apiKey'], upstream: 'api' },
      { id: 'open', match: { path: '/open' }, public: true, upstream: 'api' },
    ],
  });
});
afterEach(async () => {
  await gateway.stop();
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

function ask(key: string) {
  return gateway.raw(wire('GET /api', [`X-API-Key: ${key}`]));
}

/** The disk gives back something else than what was written, wherever a long record lies. */
function damageLongRecords(): void {
  const bytes = readFileSync(store);
  const file = openSync(store, 'r+');
  for (let at = bytes.indexOf('scope-'); at !== -1; at = bytes.indexOf('scope-', at + 1))
    writeSync(file, '"]["]["', at);
  closeSync(file);
}

describe('while the store cannot be read', () => {
  it('a credential that needs it is 503 with Retry-After, never a refusal, and the rest goes on', async () => {
    const [cached = '', ...uncached] = large;
    expect((await ask(cached)).status).toBe(200);
    damageLongRecords();
    for (const key of [...uncached, ...uncached]) {
      const answer = await ask(key);
      expect(outcomeOf(answer)).toBe('503 store_unavailable');
      expect(answer.field('retry-after')).toBe('2');
      expect(answer.field('www-authenticate')).toBeUndefined();
      expect((await gateway.auditOf(answer)).decision).toBe('failed');
    }
    // Verified before: it needs no look-up. Outages use up nobody's failures: another key is still looked at.
    expect((await ask(cached)).status).toBe(200);
    expect((await ask(small[0] ?? '')).status).toBe(200);
    expect((await gateway.raw(wire('GET /open'))).status).toBe(200);
    expect(upstream.requests).toHaveLength(4);
    expect(await gateway.metrics()).toMatch(/^gatehouse_store_errors_total\{[^}]*\} [1-9]/m);
    expect((await fetch(`http://127.0.0.1:${gateway.gateway.opsPort}/livez`)).status).toBe(200);
  });

  it('a revocation that was made holds for what is remembered', async () => {
    const [cached = ''] = small;
    expect((await ask(cached)).status).toBe(200);
    damageLongRecords();
    await gateway.admin('POST', '/v1/revocations', { target: { kind: 'tenant', tenant: 'acme' } });
    expect(outcomeOf(await ask(cached))).toBe('401 credential_revoked');
    // Nothing is known of this one, so it is not said to be revoked.
    expect(outcomeOf(await ask(large[0] ?? ''))).toBe('503 store_unavailable');
  });
});
