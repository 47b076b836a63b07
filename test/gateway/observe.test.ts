import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';

const UNTIL = Date.parse('2030-01-01T00:00:00Z');

let upstream: RawUpstream;
let gateway: TestGateway;
let now: number;

beforeEach(async () => {
  now = Date.now();
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  gateway = await startTestGateway(
    {
      tenants: { acme: { hosts: ['acme.gw.test'] }, globex: { hosts: ['globex.gw.test'] } },
      upstreams: {
        api: {
          targets: [upstream.origin],
          identity: { fields: { 'X-Tenant-Id': '{tenant.id}' }, assertion: {} },
        },
      },
      routes: [
        {
          id: 'old',
          match: { path: '/api/**' },
          accept: ['apiKey'],
          observe: { until: '2030-01-01' },
          upstream: 'api',
        },
        { id: 'new', match: { path: '/v2/**' }, accept: ['apiKey'], upstream: 'api' },
      ],
    },
    { clock: () => now },
  );
});
afterEach(async () => {
  await gateway.stop();
  await upstream.close();
});

function request(path: string, fields: readonly string[] = [], host = 'acme.gw.test'): string {
  return [`GET ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields, '', ''].join('\r\n');
}

describe('an observed route', () => {
  it('passes what it would refuse, as it came, and says so in audit, log, metrics and report', async () => {
    const answer = await gateway.raw(
      request('/api/x?y=1', ['X-API-Key: legacy-key', 'X-Tenant-Id: globex', 'Cookie: a=b']),
    );
    expect(answer.status).toBe(200);
    const [forwarded] = upstream.requests;
    expect(forwarded?.startLine).toBe('GET /api/x?y=1 HTTP/1.1');
    expect(forwarded?.field('x-api-key')).toBe('legacy-key');
    expect(forwarded?.field('cookie')).toBe('a=b');
    expect(forwarded?.field('x-tenant-id')).toBeUndefined();
    expect(forwarded?.field('x-gatehouse-assertion')).toBeUndefined();
    const record = await gateway.audited(({ decision }) => decision === 'observed');
    expect(record).toMatchObject({ code: 'credential_invalid', route: 'old' });
    expect(gateway.log()).toContain('observed: this request would have been refused');
    expect(gateway.log()).not.toContain('legacy-key');
    expect(await gateway.metrics()).toContain(
      'gatehouse_observed_refusals_total{route="old",code="credential_invalid"} 1',
    );
    const { observations } = await gateway.admin<{ observations: unknown[] }>('GET', '/v1/observations');
    expect(observations).toEqual([
      expect.objectContaining({ route: 'old', code: 'credential_invalid', count: 1 }),
    ]);
  });

  it('reports by tenant and code', async () => {
    const { key } = await gateway.issueKey('acme');
    await gateway.raw(request('/api/x'));
    await gateway.raw(request('/api/x'));
    await gateway.raw(request('/api/x', [`X-API-Key: ${key}`], 'globex.gw.test'));
    const { observations } = await gateway.admin<{ observations: unknown[] }>('GET', '/v1/observations');
    expect(observations).toEqual([
      expect.objectContaining({ code: 'credential_missing', count: 2 }),
      expect.objectContaining({ code: 'tenant_mismatch', count: 1 }),
    ]);
  });

  it('passes what it would admit as it came too, and reports nothing of it', async () => {
    const { key } = await gateway.issueKey('acme');
    expect((await gateway.raw(request('/api/x', [`X-API-Key: ${key}`]))).status).toBe(200);
    expect(upstream.requests[0]?.field('x-api-key')).toBe(key);
    const { observations } = await gateway.admin<{ observations: unknown[] }>('GET', '/v1/observations');
    expect(observations).toEqual([]);
  });

  it('costs its old clients nothing of the budget that other routes ask for', async () => {
    const { key } = await gateway.issueKey('acme');
    for (let round = 0; round < 40; round += 1)
      expect((await gateway.raw(request('/api/x', [`X-API-Key: legacy-${round}`]))).status).toBe(200);
    expect((await gateway.raw(request('/v2/x', [`X-API-Key: ${key}`]))).status).toBe(200);
    const { observations } = await gateway.admin<{ observations: unknown[] }>('GET', '/v1/observations');
    expect(observations).toEqual([expect.objectContaining({ code: 'credential_invalid', count: 40 })]);
  });

  it('decides for real from its date on, without a reload', async () => {
    now = UNTIL;
    expect((await gateway.raw(request('/api/x'))).status).toBe(401);
    expect(upstream.requests).toHaveLength(0);
  });

  it('leaves other routes and ambiguous requests alone, and is told by /readyz and at the load', async () => {
    expect((await gateway.raw(request('/v2/x'))).status).toBe(401);
    expect((await gateway.raw(request('/api/../x'))).status).toBe(400);
    expect(gateway.log()).toContain('refuses nothing until 2030-01-01');
    const readiness = await fetch(`http://127.0.0.1:${gateway.gateway.opsPort}/readyz?verbose`);
    expect(readiness.status).toBe(200);
    expect(await readiness.text()).toContain('refuse nothing: old');
  });
});
