import { afterEach, expect, test } from 'vitest';
import { aSigningKey, NOW } from '../contract/fixtures.ts';
import { type RunningAdmin, startAdmin } from './running-admin.ts';

let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(options: Parameters<typeof startAdmin>[0] = {}): Promise<RunningAdmin> {
  admin = await startAdmin(options);
  return admin;
}

test('keyrings are shown without their sealed keys', async () => {
  const { call, stores } = await start();
  const ring = {
    purpose: 'assertion:ES256',
    current: aSigningKey('k1'),
    next: aSigningKey('k2'),
    rotatedAt: NOW,
    revision: 1,
  };
  await stores.keyring.save(ring, 0);
  const answer = await call('GET', '/v1/keyring');
  expect(answer.json).toEqual({
    keyrings: [
      {
        purpose: 'assertion:ES256',
        rotatedAt: new Date(NOW).toISOString(),
        current: { kid: 'k1', algorithm: 'ES256', createdAt: new Date(NOW).toISOString() },
        next: { kid: 'k2', algorithm: 'ES256', createdAt: new Date(NOW).toISOString() },
      },
    ],
  });
  expect(answer.text).not.toContain('sealed');
});

test.each([
  ['rotated', { kind: 'rotated' }, 200],
  ['of no purpose', { kind: 'absent' }, 404],
  ['rotated a moment ago', { kind: 'tooSoon', notBefore: NOW }, 409],
] as const)(
  'a keyring that is %s gets its answer, and the attempt is audited',
  async (_name, outcome, status) => {
    const asked: string[] = [];
    const { call, audited } = await start({
      rotate: async (purpose) => {
        asked.push(purpose);
        return outcome;
      },
    });
    expect(await call('POST', '/v1/keyring/rotate', { body: { purpose: 'assertion:ES256' } })).toMatchObject({
      status,
    });
    expect(asked).toEqual(['assertion:ES256']);
    expect((await audited('keyring.rotate', 2))[0]).toMatchObject({ credential: 'keyring:assertion:ES256' });
  },
);

test('a reload reports what is wrong with the file, and is audited', async () => {
  const report = {
    outcome: 'refused',
    revision: 'r1',
    errors: ['gatehouse.yaml:1:1 routes: expected a list'],
  } as const;
  const { call, audited } = await start({ reload: async () => report });
  expect(await call('POST', '/v1/reload')).toMatchObject({ status: 200, json: report });
  expect(await audited('configuration.reload', 2)).toMatchObject([{}, { reason: 'refused, revision r1' }]);
});

test('the audit stream is read from its end, from a position, and by decision', async () => {
  const { call, audited } = await start();
  for (const id of ['one', 'two', 'three']) await call('POST', '/v1/tenants', { body: { id } });
  const all = await audited('tenants.create', 6);
  const sequences = all.map(({ sequence }) => ({ sequence }));
  expect(await call('GET', '/v1/audit?limit=2')).toMatchObject({ json: { records: sequences.slice(-2) } });
  expect(await call('GET', `/v1/audit?after=${sequences[3]?.sequence}`)).toMatchObject({
    json: { records: sequences.slice(4) },
  });
  const decision = all[0]?.decisionId ?? '';
  expect(await call('GET', `/v1/audit?decisionId=${decision}`)).toMatchObject({
    json: {
      records: [
        { decision: 'attempted', tenant: 'one' },
        { decision: 'changed', tenant: 'one' },
      ],
    },
  });
  expect(await call('GET', '/v1/audit?limit=0')).toMatchObject({ status: 422 });
});
