import { afterEach, expect, test } from 'vitest';
import { anApiKey, apiKeyId, aTenant } from '../contract/fixtures.ts';
import { type RunningAdmin, startAdmin } from './running-admin.ts';

const DAY = 86_400_000;
let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function idsOf({ call }: RunningAdmin, query: string): Promise<readonly string[]> {
  const { json } = await call('GET', `/v1/keys?${query}`);
  return (json as { readonly keys: readonly { readonly id: string }[] }).keys.map(({ id }) => id);
}

test('keys that were not used since a day are found: accepted ones of the store that are old enough', async () => {
  admin = await startAdmin({
    configuredTenants: [aTenant('acme')],
    configuredKeys: [anApiKey('from-file', { origin: 'configured', createdAt: 0 })],
  });
  const { stores, now } = admin;
  const longAgo = now() - 200 * DAY;
  for (const [id, members] of [
    ['never-used', { createdAt: longAgo }],
    ['long-unused', { createdAt: longAgo, lastUsedAt: now() - 100 * DAY }],
    ['in-use', { createdAt: longAgo, lastUsedAt: now() - DAY }],
    ['young', { createdAt: now() - DAY }],
    ['revoked', { createdAt: longAgo, revokedAt: longAgo }],
    ['expired', { createdAt: longAgo, expiresAt: now() - DAY }],
  ] as const)
    await stores.apiKeys.create(anApiKey(id, members));
  const since = new Date(now() - 90 * DAY).toISOString();
  expect(await idsOf(admin, `unusedSince=${since}`)).toEqual(['long-unused', 'never-used']);
  await stores.apiKeys.recordUses(new Map([[apiKeyId('never-used'), now()]]));
  expect(await idsOf(admin, `unusedSince=${since}`)).toEqual(['long-unused']);
});

test('keys that end soon are found, in pages without a gap', async () => {
  admin = await startAdmin({ configuredTenants: [aTenant('acme')] });
  const { stores, now, call } = admin;
  for (let at = 0; at < 30; at += 1) {
    const expiresAt = now() + (at % 3 === 0 ? 10 : 100) * DAY;
    await stores.apiKeys.create(anApiKey(`k${String(at).padStart(2, '0')}`, { expiresAt }));
  }
  await stores.apiKeys.create(anApiKey('over', { expiresAt: now() - DAY }));
  await stores.apiKeys.create(anApiKey('never'));
  const by = new Date(now() + 30 * DAY).toISOString();
  const seen: string[] = [];
  let after = '';
  do {
    const { json } = await call('GET', `/v1/keys?expiresBefore=${by}&limit=4${after}`);
    const { keys, next } = json as {
      readonly keys: readonly { readonly id: string }[];
      readonly next?: string;
    };
    expect(keys.length).toBeLessThanOrEqual(4);
    seen.push(...keys.map(({ id }) => id));
    after = next === undefined ? '' : `&after=${next}`;
  } while (after !== '');
  expect(seen).toEqual(Array.from({ length: 10 }, (_, at) => `k${String(at * 3).padStart(2, '0')}`));
});
