import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { checkResponse } from '../../src/forward-auth/check-grpc.ts';
import type { CheckedHttp, CheckRequest, CheckResponse } from '../../src/forward-auth/check-messages.ts';
import { envoyAllowance } from '../../src/forward-auth/envoy-dialect.ts';
import { type CheckClient, createCheckClient } from '../support/check-client.ts';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { createSigningKey } from '../support/issuer.ts';

const GRPC = { grpc: '127.0.0.1:0', peers: ['127.0.0.1/32'] };
const LISTEN = { public: '127.0.0.1:0', admin: '127.0.0.1:0', ops: '127.0.0.1:0' };

function config(forwardAuth: ConfigObject, further: ConfigObject = {}): ConfigObject {
  return {
    listen: { ...LISTEN, forwardAuth: { address: '127.0.0.1:0', ...forwardAuth } },
    tenants: { acme: { hosts: ['acme.gw.test'], issuers: ['idp'] }, globex: { hosts: ['globex.gw.test'] } },
    upstreams: {
      api: {
        targets: ['http://127.0.0.1:1'],
        identity: { fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{user.id}' }, assertion: {} },
      },
    },
    routes: [
      { id: 'status', match: { path: '/status' }, public: true, upstream: 'api' },
      {
        id: 'orders',
        match: { path: '/api/orders/**', methods: ['GET'] },
        accept: ['apiKey', 'bearer'],
        upstream: 'api',
      },
    ],
    issuers: {
      idp: {
        issuer: 'https://idp.test',
        audience: 'api',
        keys: { jwksFile: 'keys.json' },
        tenant: { fixed: 'acme' },
      },
    },
    ...further,
  };
}

let gateway: TestGateway;
let client: CheckClient;
let key: string;
let files: Readonly<Record<string, string>>;
beforeAll(async () => {
  const { publicJwk } = await createSigningKey('ES256', 'k1');
  files = { 'keys.json': JSON.stringify({ keys: [publicJwk] }) };
  gateway = await startTestGateway(config(GRPC), {
    files,
  });
  client = createCheckClient(`127.0.0.1:${gateway.gateway.forwardAuthGrpcPort}`);
  ({ key } = await gateway.issueKey('acme'));
});
afterAll(async () => {
  client.close();
  await gateway.stop();
});

interface Asked {
  readonly http?: CheckedHttp;
  readonly source?: string;
  /** `name: value`, as Envoy sends them with encode_raw_headers, and without. */
  readonly raw?: readonly string[];
  readonly joined?: readonly string[];
}

function pair(line: string): { readonly key: string; readonly value: string } {
  const colon = line.indexOf(': ');
  return { key: line.slice(0, colon), value: line.slice(colon + 2) };
}

function checkOf({ http, source = '203.0.113.7', raw, joined }: Asked): CheckRequest {
  const headers = joined?.map(pair);
  const rawHeaders = raw?.map(pair).map((field) => ({ key: field.key, rawValue: Buffer.from(field.value) }));
  return {
    attributes: {
      source: { address: { socketAddress: { address: source } } },
      request: {
        http: {
          method: 'GET',
          path: '/api/orders/1',
          host: 'acme.gw.test',
          scheme: 'https',
          ...(headers !== undefined && { headers }),
          ...(rawHeaders !== undefined && { headerMap: { headers: rawHeaders } }),
          ...http,
        },
      },
    },
  };
}

/** Name and value of what an answer sets, removed or not. */
function fieldsOf({ okResponse, deniedResponse }: CheckResponse): ReadonlyMap<string, string> {
  const headers = okResponse?.headers ?? deniedResponse?.headers ?? [];
  return new Map(headers.map(({ header }) => [header.key ?? '', header.value ?? '']));
}

function expectRefusal(answer: CheckResponse, status: number, code: string): void {
  expect(answer.status.code).toBe(7);
  expect(answer.okResponse).toBeUndefined();
  expect(answer.deniedResponse?.status.code).toBe(status);
  expect(JSON.parse(answer.deniedResponse?.body ?? '')).toMatchObject({ code });
  expect(fieldsOf(answer).has('x-tenant-id')).toBe(false);
}

describe('a check by gRPC', () => {
  it.each(['raw', 'joined'] as const)('allows with the identity, from %s fields', async (form) => {
    const answer = await client.check(checkOf({ [form]: [`x-api-key: ${key}`, 'cookie: a=b'] }));
    expect(answer.status.code).toBe(0);
    expect(answer.deniedResponse).toBeUndefined();
    const { 'x-gatehouse-assertion': assertion, ...fields } = Object.fromEntries(fieldsOf(answer));
    expect(assertion).toMatch(/^\S+\.\S+\.\S+$/);
    expect(fields).toEqual({
      'x-tenant-id': 'acme',
      'x-user-id': '',
      authorization: '',
      'x-api-key': '',
      cookie: 'a=b',
    });
    expect(answer.okResponse?.headers.every(({ appendAction }) => appendAction === 2)).toBe(true);
    expect(answer.okResponse?.headersToRemove).toEqual(['x-user-id', 'authorization', 'x-api-key']);
  });

  it('removes every field of identity from what a public route takes without one', async () => {
    const answer = await client.check(
      checkOf({ http: { path: '/status' }, raw: ['x-tenant-id: globex', 'x-user-id: root'] }),
    );
    expect(answer.okResponse?.headersToRemove).toEqual(
      expect.arrayContaining(['x-user-id', 'x-gatehouse-assertion', 'cookie']),
    );
    expect(fieldsOf(answer).get('x-user-id')).toBe('');
    expect(fieldsOf(answer).get('x-tenant-id')).not.toBe('globex');
  });

  it.each([
    ['without a credential', {}, 401, 'credential_missing'],
    ['with a wrong key', { raw: ['x-api-key: wrong'] }, 401, 'credential_invalid'],
    ['of another tenant', { http: { host: 'globex.gw.test' }, isKeyed: true }, 403, 'tenant_mismatch'],
    ['of another method', { http: { method: 'DELETE' }, isKeyed: true }, 405, 'method_not_allowed'],
    ['of no route', { http: { path: '/nowhere' }, isKeyed: true }, 404, 'route_not_found'],
    ['of an ambiguous path', { http: { path: '/api/../x' }, isKeyed: true }, 400, 'path_not_canonical'],
    ['with an alias of ours', { raw: ['x_tenant_id: globex'], isKeyed: true }, 400, 'request_malformed'],
    [
      'with more bytes than allowed',
      { raw: [`a: ${'b'.repeat(70_000)}`], isKeyed: true },
      431,
      'fields_too_large',
    ],
    ['with a field in bytes that no text has', { raw: ['x-api-key: é'] }, 401, 'credential_invalid'],
  ] as const)('refuses a request %s', async (_, original, status, code) => {
    const { isKeyed, raw = [], ...rest } = original as Asked & { isKeyed?: boolean };
    const answer = await client.check(
      checkOf({ ...rest, raw: [...raw, ...(isKeyed === true ? [`x-api-key: ${key}`] : [])] }),
    );
    expectRefusal(answer, status, code);
    expect(fieldsOf(answer).get('www-authenticate') !== undefined).toBe(status === 401);
    const decisionId = fieldsOf(answer).get('gatehouse-decision-id');
    expect(await gateway.audited((record) => record.decisionId === decisionId)).toMatchObject({
      code,
      status,
    });
  });

  it('names no field to remove where there is none', () => {
    const { okResponse } = checkResponse(envoyAllowance({ fields: ['X-A', '1'], absent: [] }));
    expect(okResponse).toEqual({
      headers: [{ header: { key: 'x-a', value: '1' }, appendAction: 2 }],
      headersToRemove: [],
    });
  });

  it('tells each challenge in a field of its own', async () => {
    const { deniedResponse } = await client.check(checkOf({}));
    const challenges = deniedResponse?.headers.filter(({ header }) => header.key === 'www-authenticate');
    expect(challenges?.map(({ header }) => header.value?.split(' ')[0])).toEqual(['Bearer', 'ApiKey']);
    // OVERWRITE_IF_EXISTS_OR_ADD, then APPEND_IF_EXISTS_OR_ADD.
    expect(challenges?.map(({ appendAction }) => appendAction)).toEqual([2, 0]);
  });

  it.each([
    ['two keys', ['x-api-key: KEY', 'x-api-key: KEY'], 'credential_ambiguous'],
    ['two credentials', ['authorization: ApiKey KEY', 'authorization: ApiKey KEY'], 'credential_ambiguous'],
  ])('with %s is refused: raw', async (_, raw, code) => {
    const fields = raw.map((line) => line.replace('KEY', key));
    const answer = await client.check(checkOf({ raw: fields }));
    expectRefusal(answer, answer.deniedResponse?.status.code ?? 0, code);
  });

  it.each([
    ['two keys', ['x-api-key: KEY,KEY']],
    ['two API keys of Authorization', ['authorization: ApiKey KEY,ApiKey KEY']],
    ['two bearer tokens', ['authorization: Bearer a.b.c,Bearer a.b.c']],
    ['a key and an empty one', ['x-api-key: KEY,']],
  ])('with %s, which Envoy has joined by a comma, is refused', async (_, joined) => {
    const fields = joined.map((line) => line.replaceAll('KEY', key));
    expectRefusal(await client.check(checkOf({ joined: fields })), 401, 'credential_invalid');
  });

  it('with two cookies that Envoy has joined by a comma is refused, since the second would pass for a value', async () => {
    const fields = [`x-api-key: ${key}`];
    const joined = await client.check(
      checkOf({ joined: [...fields, 'cookie: a=1,__Host-gatehouse=secret'] }),
    );
    expectRefusal(joined, 400, 'request_malformed');
    const inOne = await client.check(checkOf({ joined: [...fields, 'cookie: a=1,2; b=3, c=4'] }));
    expect(fieldsOf(inOne).get('cookie')).toBe('a=1,2; b=3, c=4');
    const raw = await client.check(checkOf({ raw: [...fields, 'cookie: a=1,b=2', 'cookie: c=é'] }));
    expect(fieldsOf(raw).get('cookie')).toBe('a=1,b=2; c=é');
  });

  it('with two Host fields joined by a comma is refused', async () => {
    const host = 'acme.gw.test,globex.gw.test';
    const answer = await client.check(checkOf({ http: { host }, raw: [`x-api-key: ${key}`] }));
    expectRefusal(answer, 400, 'host_invalid');
  });

  it.each<[string, CheckRequest]>([
    ['nothing', {}],
    ['no request', { attributes: { source: { address: { socketAddress: { address: '::1' } } } } }],
    ['no source', { attributes: { request: { http: STATUS_HTTP() } } }],
    ['a source that is no address', checkOf({ http: STATUS_HTTP(), source: 'somewhere' })],
    ['no method', checkOf({ http: { ...STATUS_HTTP(), method: '' } })],
    ['a method that is none', checkOf({ http: { ...STATUS_HTTP(), method: 'get' } })],
    ['no path', checkOf({ http: { ...STATUS_HTTP(), path: '' } })],
    ['a relative path', checkOf({ http: { ...STATUS_HTTP(), path: 'status' } })],
    ['no host', checkOf({ http: { ...STATUS_HTTP(), host: '' } })],
    ['no scheme', checkOf({ http: { ...STATUS_HTTP(), scheme: '' } })],
    ['a scheme that is none', checkOf({ http: { ...STATUS_HTTP(), scheme: 'ftp' } })],
    ['fields in two ways', checkOf({ http: STATUS_HTTP(), raw: ['a: b'], joined: ['a: b'] })],
    [
      'X-Forwarded-For twice',
      checkOf({ http: STATUS_HTTP(), raw: ['x-forwarded-for: ::1', 'x-forwarded-for: ::1'] }),
    ],
  ])('that says %s is refused, never passed', async (_, request) => {
    const answer = await client.check(request);
    expect(answer.status.code).toBe(7);
    expect(answer.okResponse).toBeUndefined();
    expect(answer.deniedResponse?.status.code).toBe(400);
  });

  it('of bytes that are no message is refused, never an error that Envoy might let pass', async () => {
    for (const bytes of [Buffer.from('\xff\xff\xff'), Buffer.from('0a05ffffffffff', 'hex')])
      expectRefusal(await client.checkBytes(bytes), 400, 'request_malformed');
  });

  it('larger than any that Envoy sends by itself is refused, not failed', async () => {
    const raw = Array.from({ length: 8 }, (_, at) => `f${at}: ${'x'.repeat(1024 * 1024)}`);
    expectRefusal(await client.check(checkOf({ raw })), 431, 'fields_too_large');
  });

  it('counts failures to the address that Envoy sees, or that its trusted proxy says, whatever the client says', async () => {
    const counting = await startTestGateway(
      config(GRPC, { trustedProxies: ['192.0.2.0/24'], limits: { failedCredentials: '1/h' } }),
      { files },
    );
    const envoy = createCheckClient(`127.0.0.1:${counting.gateway.forwardAuthGrpcPort}`);
    onTestFinished(async () => {
      envoy.close();
      await counting.stop();
    });
    const statusOf = async (source: string, forwardedFor?: string) => {
      const said = forwardedFor === undefined ? [] : [`x-forwarded-for: ${forwardedFor}`];
      const answer = await envoy.check(checkOf({ source, raw: ['x-api-key: wrong', ...said] }));
      return answer.deniedResponse?.status.code;
    };
    expect(await statusOf('203.0.113.7', '198.51.100.1')).toBe(401);
    expect(await statusOf('203.0.113.7', '198.51.100.2')).toBe(429);
    expect(await statusOf('203.0.113.7', 'nonsense')).toBe(429);
    expect(await statusOf('::ffff:203.0.113.7')).toBe(429);
    // Behind a load balancer on the list, the address that it saw; what came before that is the client's word.
    expect(await statusOf('192.0.2.1', '10.0.0.1, 198.51.100.9, 192.0.2.9')).toBe(401);
    expect(await statusOf('192.0.2.2', '10.0.0.2, 198.51.100.9')).toBe(429);
    expect(await statusOf('192.0.2.1', '198.51.100.1')).toBe(401);
    expect(await statusOf('192.0.2.1', 'nonsense')).toBe(400);
  });
});

function STATUS_HTTP(): CheckedHttp {
  return { method: 'GET', path: '/status', host: 'acme.gw.test', scheme: 'https' };
}

describe('the listener of gRPC checks', () => {
  it('refuses a peer that is not on the list, whatever it asks', async () => {
    const strict = await startTestGateway(config({ grpc: '127.0.0.1:0', peers: ['192.0.2.0/24'] }), {
      files,
    });
    const stranger = createCheckClient(`127.0.0.1:${strict.gateway.forwardAuthGrpcPort}`);
    onTestFinished(async () => {
      stranger.close();
      await strict.stop();
    });
    expectRefusal(await stranger.check(checkOf({ http: { path: '/status' } })), 403, 'peer_forbidden');
  });

  it('takes a socket file, whose permissions say who may ask', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-grpc-'));
    const place = `unix:${path.join(folder, 'check.sock')}`;
    const sidecar = await startTestGateway(config({ grpc: place, peers: ['192.0.2.0/24'] }), {
      files,
    });
    const neighbour = createCheckClient(place);
    onTestFinished(async () => {
      neighbour.close();
      await sidecar.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    const answer = await neighbour.check(checkOf({ http: { path: '/status' } }));
    expect(answer.okResponse?.headersToRemove).toContain('x-user-id');
  });

  it('ends when the gateway stops, though a proxy keeps its connection, or says nothing on it', async () => {
    const stopping = await startTestGateway(config(GRPC), {
      files,
    });
    const kept = createCheckClient(`127.0.0.1:${stopping.gateway.forwardAuthGrpcPort}`);
    const silent = connect({ port: stopping.gateway.forwardAuthGrpcPort ?? 0, host: '127.0.0.1' });
    onTestFinished(() => {
      kept.close();
      silent.destroy();
    });
    await once(silent, 'connect');
    await kept.check(checkOf({ http: { path: '/status' } }));
    await stopping.stop();
    await expect(kept.check(checkOf({ http: { path: '/status' } }))).rejects.toThrow(/UNAVAILABLE/);
  });
});
