import { expect, test } from 'vitest';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { countStoreErrors } from '../../src/telemetry/counted-stores.ts';
import { createMetrics } from '../../src/telemetry/prometheus.ts';
import { anApiKey, apiKeyId, aTenant, NOW } from '../contract/fixtures.ts';

test('counted stores do what the stores do, and count each outage under port and operation', async () => {
  const metrics = createMetrics();
  const stores = countStoreErrors(openEmbeddedStore({ path: ':memory:', clock: Date.now }), metrics);
  await stores.tenants.create(aTenant('acme'), NOW);
  await stores.apiKeys.create(anApiKey('k'));
  expect(await stores.apiKeys.findById(apiKeyId('k'))).toMatchObject({ id: 'k', tenant: 'acme' });
  await stores.ping();
  const outages = async () =>
    (await metrics.expose()).body
      .split('\n')
      .filter((line) => line.startsWith('gatehouse_store_errors_total{'));
  expect(await outages()).toEqual([]);

  await stores.close();
  await expect(stores.apiKeys.findById(apiKeyId('k'))).rejects.toThrow(StoreUnavailable);
  await expect(stores.apiKeys.findById(apiKeyId('k'))).rejects.toThrow(StoreUnavailable);
  await expect(stores.audit.append([])).rejects.toThrow(StoreUnavailable);
  await expect(stores.ping()).rejects.toThrow(StoreUnavailable);
  expect(await outages()).toEqual([
    'gatehouse_store_errors_total{store="apiKeys",operation="findById"} 2',
    'gatehouse_store_errors_total{store="audit",operation="append"} 1',
    'gatehouse_store_errors_total{store="store",operation="ping"} 1',
  ]);
});
