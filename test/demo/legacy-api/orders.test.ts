import { expect, test } from 'vitest';
import { ACME, useLegacyApi } from './running-api.ts';

const api = useLegacyApi();

test('ids beyond 2^53 are JSON numbers with every digit', async () => {
  expect(await api.textOf('/api/orders', ACME)).toMatch(/^\{"orders":\[\{"id":9007199254740993,"order":/);
});

test('a posted order comes back byte for byte', async () => {
  const body = '{ "ref": 12345678901234567891,  "note":"gr\\u00fc\u00dfe" , "b":1.0, "a":1e2 }\n';
  const created = await api.call('/api/orders', { method: 'POST', headers: ACME, body });
  expect(created.status).toBe(201);
  const json = await created.text();
  expect(json).toMatch(/^\{"id":\d{16},"order":/);
  expect(json).toContain(`"order":${body}}`);
  expect(await api.textOf(created.headers.get('location') ?? '', ACME)).toBe(json);
});

test.each([
  [400, '{"half":'],
  [400, ''],
  [413, JSON.stringify('x'.repeat(300_000))],
])('a body that cannot be an order is %i', async (status, body) => {
  const response = await api.call('/api/orders', { method: 'POST', headers: ACME, body });
  expect(response.status).toBe(status);
});
