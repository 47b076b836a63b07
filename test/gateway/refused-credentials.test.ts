import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { outcomeOf, wire } from '../support/wire.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({
    tenants: { acme: {} },
    upstreams: { api: { targets: ['http://127.0.0.1:9'] } },
    routes: [{ id: 'api', match: { path: '/api' }, accept: ['apiKey'], upstream: 'api' }],
  });
});
afterAll(() => gateway.stop());

test('the audit stream names the key whose revocation refused a request', async () => {
  const { id, key } = await gateway.issueKey('acme');
  await gateway.admin('POST', `/v1/keys/${id}/revoke`);
  const answer = await gateway.raw(wire('GET /api', [`X-API-Key: ${key}`]));
  expect(outcomeOf(answer)).toBe('401 credential_revoked');
  expect(await gateway.auditOf(answer)).toMatchObject({ subject: `key:${id}`, credential: `key:${id}` });
});

test('the audit stream names no key of a request that did not prove to have it', async () => {
  const { key } = await gateway.issueKey('acme');
  const answer = await gateway.raw(wire('GET /api', [`X-API-Key: ${key.slice(0, -1)}!`]));
  expect(outcomeOf(answer)).toBe('401 credential_invalid');
  const record = await gateway.auditOf(answer);
  expect(record.subject).toBeUndefined();
  expect(record.credential).toBeUndefined();
});
