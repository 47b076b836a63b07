import { once } from 'node:events';
import { expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { openEmbeddedStore } from '../../../src/stores/embedded/embedded-store.ts';
import { anApiKey, aTenantRevocation, NOW } from '../../contract/fixtures.ts';

const broken = new Error('a broken listener');

function breakOnChange(): never {
  throw broken;
}

it('what a listener throws is reported once per change', async () => {
  const reported: unknown[] = [];
  const stores = openEmbeddedStore({
    path: ':memory:',
    clock: systemClock,
    onListenerError: (error) => reported.push(error),
  });
  stores.changes.subscribe(breakOnChange);
  await stores.apiKeys.create(anApiKey('one'));
  await stores.apiKeys.create(anApiKey('two'));
  expect(reported).toEqual([broken, broken]);
  await stores.close();
});

it('without a reporter, what a listener throws becomes a process warning, never silence', async () => {
  const stores = openEmbeddedStore({ path: ':memory:', clock: systemClock });
  stores.changes.subscribe(breakOnChange);
  const warned = once(process, 'warning');
  await stores.apiKeys.create(anApiKey('one'));
  expect(await warned).toEqual([broken]);
  await stores.close();
});

it('whether a revocation has expired, when another one meets it, is told by the given clock', async () => {
  let now = NOW;
  const stores = openEmbeddedStore({ path: ':memory:', clock: () => now });
  const everything = aTenantRevocation('acme', { expiresAt: NOW + 10 });
  const older = aTenantRevocation('acme', { issuedBefore: NOW, expiresAt: NOW + 20 });
  await stores.revocations.add(everything);
  now = NOW + 9;
  expect(await stores.revocations.add(older)).toEqual(aTenantRevocation('acme', { expiresAt: NOW + 20 }));
  now = NOW + 20;
  expect(await stores.revocations.add({ ...older, expiresAt: NOW + 30 })).toEqual({
    ...older,
    expiresAt: NOW + 30,
  });
  await stores.close();
});
