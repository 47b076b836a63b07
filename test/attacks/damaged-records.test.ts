import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { issueKey } from '../support/api-keys.ts';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-damaged-'));
const store = path.join(folder, 'gatehouse.db');

const DAMAGES = [
  ['scopes', '[', 503, 'store_unavailable'],
  ['roles', '{', 503, 'store_unavailable'],
  ['scopes', '42', 500, 'internal_error'],
  ['roles', 'true', 500, 'internal_error'],
] as const;

/** Keys whose records were edited behind the gateway's back, in the order of DAMAGES. */
const keys: string[] = [];
let attacked: AttackedGateway;

beforeAll(async () => {
  const stores = openEmbeddedStore({ path: store, clock: Date.now });
  const issued = [];
  for (const _ of DAMAGES) issued.push(await issueKey(stores.apiKeys));
  await stores.close();
  const database = new DatabaseSync(store);
  for (const [index, { id, key }] of issued.entries()) {
    const [column, text] = DAMAGES[index] ?? ['scopes', '['];
    database.prepare(`UPDATE api_keys SET ${column} = ? WHERE id = ?`).run(text, id);
    keys.push(key);
  }
  database.close();
  attacked = await startAttackedGateway((config) => ({ ...config, store: { embedded: { path: store } } }));
});
afterAll(async () => {
  await attacked.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => attacked.forget());

const ask = (key: string) => attacked.gateway.raw(requestOf('GET /api/l06', [`X-API-Key: ${key}`]));

describe('L06 a fault within the gateway, from a record of the store that is not what it should be', () => {
  it.each(DAMAGES.map((damage, index) => [...damage, index] as const))(
    '(%s: %s) admits nobody: %i',
    async (_column, _text, status, code, index) => {
      const key = keys[index] ?? '';
      const answer = await ask(key);
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ status, code });
      expect(`${answer.head}${answer.body.toString()}`).not.toMatch(/sqlite|Error:|position|iterable|\.ts\b/);
      attacked.expectNothingSent();
      const record = await attacked.gateway.auditOf(answer);
      expect(record).toMatchObject({ decision: 'failed', code, status });
      expect(attacked.gateway.log()).not.toContain(key);
      await attacked.expectAlive();
    },
  );

  it('of 50 who meet it at once none is admitted, and whoever has nothing to do with it is served meanwhile', async () => {
    const key = keys[2] ?? '';
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => ask(n % 5 === 0 ? attacked.acme.key : key)),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map((_, n) => (n % 5 === 0 ? 200 : 500)));
    expect(attacked.upstream.requests.map((request) => request.field('x-tenant-id'))).toEqual(
      Array(10).fill('acme'),
    );
    await attacked.expectAlive();
  });
});
