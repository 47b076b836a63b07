import { expect, test } from 'vitest';
import { ACME, GLOBEX, useLegacyApi } from './running-api.ts';

const api = useLegacyApi();

test.each([
  ['no key', {}],
  ['a wrong key', { 'X-Api-Key': 'acme-legacy-4712' }],
  ['the keys of both tenants', { 'X-Api-Key': 'acme-legacy-4711, globex-legacy-0815' }],
])('%s is 401 in the shape of the API', async (_name, headers) => {
  const response = await api.call('/api/orders', { headers });
  expect(response.status).toBe(401);
  expect(await response.json()).toEqual({
    Success: false,
    ErrorCode: 4011,
    ErrorMessage: 'Invalid or missing API key',
    Data: null,
  });
});

test('a tenant sees its own orders only', async () => {
  expect(await api.textOf('/api/orders/9007199254740993', ACME)).toContain('Schraube M8');
  expect((await api.call('/api/orders/9007199254740993', { headers: GLOBEX })).status).toBe(404);
  expect(await api.textOf('/api/orders', GLOBEX)).not.toContain('Schraube');
});

test.each(['/status', '/health'])('%s answers ok to anybody', async (path) => {
  const response = await api.call(path);
  expect([response.status, await response.text()]).toEqual([200, 'ok']);
});
