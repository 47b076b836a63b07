import { expect } from 'vitest';
import { type ConfigObject, startTestGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts';
import type { RawAnswer } from './raw-client.ts';
import { type RawUpstream, type RecordedRequest, startRawUpstream } from './raw-upstream.ts';

/** The `keyid` and secret of the signature that the upstream gets. */
export const SIGNATURE_SECRET = 'signature-secret-0123456789abcdef0123456789';

type AuditRecord = Awaited<ReturnType<TestGateway['auditOf']>>;

export interface AttackedGateway {
  readonly gateway: TestGateway;
  readonly upstream: RawUpstream;
  /** Keys of the tenants acme and globex: `read` scope, role clerk. */
  readonly acme: IssuedKey;
  readonly globex: IssuedKey;
  /** Forgets what the upstream got so far. */
  forget(): void;
  /** The refusal that was expected, nothing at the upstream, the audit record, and a gateway that lives. */
  expectRefused(answer: RawAnswer, status: number, code: string): Promise<AuditRecord>;
  /** The only request that reached the upstream since `forget`, whole; its audit record says admitted. */
  expectForwarded(answer: RawAnswer): Promise<RecordedRequest>;
  /** Nothing has reached the upstream since `forget`, not even an unfinished request. */
  expectNothingSent(): void;
  /** A request that is in order is answered. */
  expectAlive(): Promise<void>;
  close(): Promise<void>;
}

export interface IssuedKey {
  readonly id: string;
  readonly key: string;
}

/** Two tenants, public and protected routes, and an upstream that gets identity in every form, signed but for /public. */
function attackedConfig(origin: string): ConfigObject {
  const fields = { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{subject}', 'X-User-Roles': '{roles}' };
  return {
    tenants: {
      acme: { hosts: ['acme.gw.test'] },
      globex: { hosts: ['globex.gw.test'] },
    },
    tenantHosts: ['{tenant}.api.gw.test'],
    limits: { failedCredentials: '1000/s' },
    upstreams: {
      open: { targets: [origin], identity: { fields, assertion: {} } },
      api: {
        targets: [origin],
        identity: {
          fields,
          assertion: {},
          signature: { algorithm: 'hmac-sha256', keys: [{ id: 's1', secret: SIGNATURE_SECRET }] },
        },
      },
    },
    routes: [
      { id: 'public', match: { path: '/public/**' }, public: true, upstream: 'open' },
      { id: 'signed', match: { path: '/signed/**' }, public: true, upstream: 'api' },
      { id: 'api', match: { path: '/api/**' }, accept: ['apiKey', 'bearer'], upstream: 'api' },
      {
        id: 'admin',
        match: { path: '/api/admin' },
        accept: ['apiKey', 'bearer'],
        require: { anyRole: ['admin'] },
        upstream: 'api',
      },
      {
        id: 'by-path',
        match: { path: '/t/{tenant}/**' },
        accept: ['apiKey'],
        tenant: { path: 'tenant', require: ['path'] },
        upstream: 'api',
      },
      {
        id: 'by-field',
        match: { path: '/f/**' },
        accept: ['apiKey'],
        tenant: { field: 'X-Company' },
        upstream: 'api',
      },
    ],
  };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

export async function startAttackedGateway(
  adapt: (config: ConfigObject, origin: string) => ConfigObject = (config) => config,
  options: TestGatewayOptions = {},
): Promise<AttackedGateway> {
  const upstream = await startRawUpstream(OK);
  const gateway = await startTestGateway(
    adapt(attackedConfig(upstream.origin), upstream.origin),
    options,
  ).catch(async (error: unknown) => {
    await upstream.close();
    throw error;
  });
  const acme = await gateway.issueKey('acme', { scopes: ['read'], roles: ['clerk'] });
  const globex = await gateway.issueKey('globex', { scopes: ['read'], roles: ['clerk'] });
  let forgotten = 0;

  function bytesReceived(): number {
    return upstream.connections.reduce((sum, connection) => sum + connection.received.length, 0);
  }
  function forget(): void {
    upstream.requests.length = 0;
    forgotten = bytesReceived();
  }
  function expectNothingSent(): void {
    expect(upstream.requests.map(({ startLine }) => startLine)).toEqual([]);
    expect(bytesReceived()).toBe(forgotten);
  }
  async function expectAlive(): Promise<void> {
    const answer = await gateway.raw(requestOf('GET /public/alive'));
    expect([answer.status, answer.body.toString()]).toEqual([200, 'ok']);
    forget();
  }

  return {
    gateway,
    upstream,
    acme,
    globex,
    forget,
    expectNothingSent,
    expectAlive,
    async expectRefused(answer, status, code) {
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ status, code });
      const record = await gateway.auditOf(answer);
      expect(record).toMatchObject({ event: 'request', decision: 'denied', code, status });
      expect(record.reason).toMatch(/./);
      expectNothingSent();
      await expectAlive();
      return record;
    },
    async expectForwarded(answer) {
      expect([answer.status, answer.body.toString()]).toEqual([200, 'ok']);
      expect(upstream.requests).toHaveLength(1);
      const forwarded = await upstream.request(0);
      const path = forwarded.startLine.split(' ')[1]?.split('?')[0];
      await gateway.audited((record) => record.code === 'admitted' && record.path === path);
      await expectAlive();
      return forwarded;
    },
    async close() {
      await gateway.stop();
      await upstream.close();
    },
  };
}

/** A request without body that asks for the connection to be closed, on a host that names no tenant unless told. */
export function requestOf(line: string, fields: readonly string[] = [], host = 'gw.test'): string {
  return [`${line} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields, '', ''].join('\r\n');
}
