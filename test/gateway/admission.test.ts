import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';

let upstream: RawUpstream;
let gateway: TestGateway;
let acmeKey: { readonly id: string; readonly key: string };

beforeAll(async () => {
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  gateway = await startTestGateway({
    tenants: {
      acme: { hosts: ['acme.gw.test'] },
      globex: { hosts: ['globex.gw.test'] },
      closed: { status: 'suspended' },
    },
    tenantHosts: ['{tenant}.api.gw.test'],
    upstreams: {
      api: {
        targets: [upstream.origin],
        identity: { fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{subject}' } },
      },
    },
    routes: [
      { id: 'status', match: { path: '/status' }, public: true, upstream: 'api' },
      { id: 'read', match: { path: '/api/**', methods: ['GET'] }, accept: ['apiKey'], upstream: 'api' },
      {
        id: 'write',
        match: { path: '/api/**', methods: ['POST'] },
        accept: ['apiKey'],
        require: { scopes: ['write'] },
        upstream: 'api',
      },
      {
        id: 'admin',
        match: { path: '/admin/**' },
        accept: ['apiKey'],
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
      {
        id: 'by-host',
        match: { path: '/h/**' },
        accept: ['apiKey'],
        tenant: { require: ['host'] },
        upstream: 'api',
      },
    ],
  });
  acmeKey = await gateway.issueKey('acme', { scopes: ['read'], roles: ['clerk'] });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.close();
});
beforeEach(() => {
  upstream.requests.length = 0;
});

function request(line: string, fields: readonly string[] = [], host = 'acme.gw.test'): string {
  return [`${line} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields, '', ''].join('\r\n');
}

describe('a request with a key of acme', () => {
  it.each([
    ['is admitted on its own host', 'GET /api/x', 'acme.gw.test', [], 200, 'admitted'],
    ['is admitted on its host by the pattern', 'GET /api/x', 'acme.api.gw.test', [], 200, 'admitted'],
    ['is admitted on a host that names no tenant', 'GET /api/x', 'gw.test', [], 200, 'admitted'],
    ['is refused on the host of another tenant', 'GET /api/x', 'globex.gw.test', [], 403, 'tenant_mismatch'],
    [
      'is refused on the pattern host of another tenant',
      'GET /api/x',
      'globex.api.gw.test',
      [],
      403,
      'tenant_mismatch',
    ],
    [
      'finds no tenant where the pattern names an unknown one',
      'GET /api/x',
      'nobody.api.gw.test',
      [],
      404,
      'tenant_not_found',
    ],
    ['is refused without the scope', 'POST /api/x', 'acme.gw.test', [], 403, 'insufficient_scope'],
    ['is refused without the role', 'GET /admin/x', 'acme.gw.test', [], 403, 'role_missing'],
    [
      'is refused for a method without a route',
      'DELETE /api/x',
      'acme.gw.test',
      [],
      405,
      'method_not_allowed',
    ],
    ['finds no route', 'GET /nowhere', 'acme.gw.test', [], 404, 'route_not_found'],
    ['is admitted where the path names its tenant', 'GET /t/acme/x', 'gw.test', [], 200, 'admitted'],
    ['is refused where the path names another', 'GET /t/globex/x', 'gw.test', [], 403, 'tenant_mismatch'],
    [
      'is refused where path and host disagree',
      'GET /t/acme/x',
      'globex.gw.test',
      [],
      403,
      'tenant_mismatch',
    ],
    [
      'is admitted where a field names its tenant',
      'GET /f/x',
      'gw.test',
      ['X-Company: acme'],
      200,
      'admitted',
    ],
    [
      'is refused where a field names another',
      'GET /f/x',
      'gw.test',
      ['X-Company: globex'],
      403,
      'tenant_mismatch',
    ],
    [
      'is refused where a field names two',
      'GET /f/x',
      'gw.test',
      ['X-Company: acme', 'X-Company: acme'],
      403,
      'tenant_mismatch',
    ],
    ['is refused where a required host names none', 'GET /h/x', 'gw.test', [], 403, 'tenant_unresolved'],
  ] as const)('%s', async (_, line, host, fields, status, code) => {
    const answer = await gateway.raw(request(line, [`X-API-Key: ${acmeKey.key}`, ...fields], host));
    expect(answer.status).toBe(status);
    const record = await (status === 200
      ? gateway.audited((each) => each.credential === `key:${acmeKey.id}` && each.path === line.split(' ')[1])
      : gateway.auditOf(answer));
    expect(record.code).toBe(code);
    expect(upstream.requests).toHaveLength(status === 200 ? 1 : 0);
    if (status === 200) {
      const [forwarded] = upstream.requests;
      expect(forwarded?.all('x-tenant-id')).toEqual(['acme']);
      expect(forwarded?.all('x-user-id')).toEqual([`key:${acmeKey.id}`]);
      expect(forwarded?.head).not.toContain(acmeKey.key);
      expect(forwarded?.field('x-company')).toBeUndefined();
    } else expect(JSON.parse(answer.body.toString())).toMatchObject({ code, status });
  });
});

describe('a refusal', () => {
  it('names the methods that a path has', async () => {
    const answer = await gateway.raw(request('DELETE /api/x'));
    expect(answer.field('allow')).toBe('GET, HEAD, POST');
  });

  it('challenges without an error where no credential was sent, and with one where a wrong one was', async () => {
    const missing = await gateway.raw(request('GET /api/x'));
    expect(missing.status).toBe(401);
    expect(missing.all('www-authenticate')).toEqual(['ApiKey realm="gatehouse"']);
    const wrong = await gateway.raw(request('GET /api/x', ['X-API-Key: wrong']));
    expect(wrong.status).toBe(401);
    expect(JSON.parse(wrong.body.toString())).toMatchObject({ code: 'credential_invalid' });
  });

  it('of a suspended tenant ends with its resumption, without a restart', async () => {
    const { key } = await gateway.issueKey('closed');
    const send = () => gateway.raw(request('GET /api/x', [`X-API-Key: ${key}`], 'gw.test'));
    expect((await send()).status).toBe(403);
    await gateway.admin('POST', '/v1/tenants/acme/suspend');
    const suspended = await gateway.raw(request('GET /api/x', [`X-API-Key: ${acmeKey.key}`]));
    expect(JSON.parse(suspended.body.toString())).toMatchObject({ code: 'tenant_suspended' });
    await gateway.admin('POST', '/v1/tenants/acme/resume');
    expect((await gateway.raw(request('GET /api/x', [`X-API-Key: ${acmeKey.key}`]))).status).toBe(200);
  });
});

describe('a public route', () => {
  it('forwards without credential, and without identity whatever the client claims', async () => {
    const answer = await gateway.raw(
      request('GET /status', ['X-Tenant-Id: globex', 'X_User_Id: root', `X-API-Key: ${acmeKey.key}`]),
    );
    expect(answer.status).toBe(200);
    expect(upstream.requests[0]?.head.toLowerCase()).not.toMatch(/x.(tenant|user).id|ghk_/);
  });
});
