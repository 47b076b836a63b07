import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const DAY = 86_400_000;

let upstream: RawUpstream;
let gateway: TestGateway;
let held: Socket[] = [];

beforeAll(async () => {
  // Answers when it is told to.
  upstream = await startRawUpstream((socket) => void held.push(socket));
  gateway = await startTestGateway({
    tenants: { acme: {} },
    upstreams: { api: { targets: [upstream.origin] } },
    routes: [{ id: 'api', match: { path: '/**' }, accept: ['apiKey'], upstream: 'api' }],
  });
});
afterAll(async () => {
  for (const socket of held) socket.destroy();
  await gateway.stop();
  await upstream.close();
});

function get(key: string): string {
  return `GET /x HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\nX-API-Key: ${key}\r\n\r\n`;
}

describe('R06 a revocation during a request', () => {
  it('R06 race: refuses the next request, whatever is under way, and lets what was admitted finish', async () => {
    const { id, key } = await gateway.issueKey('acme');
    for (let round = 0; round <= 10; round += 1) {
      held = [];
      const admitted = gateway.raw(get(key));
      await upstream.until(() => held.length > 0);
      if (round === 10) {
        await gateway.admin('POST', `/v1/keys/${id}/revoke`, { reason: 'leaked' });
        const refused = await gateway.raw(get(key));
        expect(refused.status).toBe(401);
        expect(held).toHaveLength(1);
        expect(await gateway.auditOf(refused)).toMatchObject({
          decision: 'denied',
          code: 'credential_revoked',
          credential: `key:${id}`,
        });
      }
      held[0]?.write(ANSWER);
      expect((await admitted).status).toBe(200);
    }
    const count = upstream.requests.length;
    expect((await gateway.raw(get(key))).status).toBe(401);
    expect(upstream.requests).toHaveLength(count);
    const other = await gateway.issueKey('acme');
    held = [];
    const served = gateway.raw(get(other.key));
    await upstream.until(() => held.length > 0);
    held[0]?.write(ANSWER);
    expect((await served).status).toBe(200);
  });

  it('R06 life of the entry: it outlives what it revokes', async () => {
    const expiresAt = Date.now() + 30 * DAY;
    const { id } = await gateway.issueKey('acme', { expiresAt: new Date(expiresAt).toISOString() });
    await gateway.admin('POST', `/v1/keys/${id}/revoke`, { reason: 'leaked' });
    const { revocations } = await gateway.admin<{
      revocations: { target: { id?: string }; expiresAt?: string }[];
    }>('GET', '/v1/revocations');
    const entry = revocations.find(({ target }) => target.id === id);
    expect(entry).toBeDefined();
    expect(Date.parse(entry?.expiresAt ?? '9999-12-31')).toBeGreaterThanOrEqual(expiresAt);
  });
});
