import { hash } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExplainedRequest, Explanation } from '../../src/gateway/explain.ts';
import { explainByFile } from '../../src/serve/explain.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { createSigningKey, type SigningKey, signToken } from '../support/issuer.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { outcomeOf, wire } from '../support/wire.ts';

const KEY = 'acme-key-0123456789abcdefghijklmnop';
const EXPIRED_KEY = 'old-key-0123456789abcdefghijklmnopq';
const CLOSED_KEY = 'closed-key-0123456789abcdefghijklmn';
const GLOBEX_KEY = 'globex-key-0123456789abcdefghijklmn';

let upstream: RawUpstream;
let gateway: TestGateway;
let signing: SigningKey;

function key(id: string, text: string, tenant: string, more: object = {}): object {
  return { id, tenant, name: id, digest: `sha256:${hash('sha256', text)}`, ...more };
}

beforeAll(async () => {
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  signing = await createSigningKey('ES256', 'f1');
  gateway = await startTestGateway(
    {
      limits: { failedCredentials: '1000/s' },
      tenants: {
        acme: { hosts: ['acme.gw.test'], issuers: ['idp'], credentials: { legacyKey: 'legacy-secret' } },
        globex: { hosts: ['globex.gw.test'] },
        closed: { status: 'suspended' },
      },
      tenantHosts: ['{tenant}.api.gw.test'],
      issuers: {
        idp: {
          issuer: 'https://idp.test',
          audience: 'api',
          keys: { jwksFile: 'jwks.json' },
          tenant: { fixed: 'acme' },
        },
      },
      apiKeys: {
        keys: [
          key('k1', KEY, 'acme', { scopes: ['read'], roles: ['clerk'] }),
          key('k2', EXPIRED_KEY, 'acme', { expires: '2020-01-01' }),
          key('k3', CLOSED_KEY, 'closed'),
          key('k4', GLOBEX_KEY, 'globex'),
        ],
      },
      upstreams: {
        api: {
          targets: [upstream.origin],
          basePath: '/base',
          identity: {
            fields: { 'X-Tenant-Id': '{tenant.id}', 'X-Subject': '{subject}', 'X-Roles': '{roles}' },
            assertion: {},
            signature: {
              algorithm: 'hmac-sha256',
              keys: [{ id: 's1', secret: 'signature-secret-0123456789abcdef0123' }],
            },
          },
          credentials: { basic: { username: 'gatehouse', password: 'basic-secret' } },
        },
        legacy: {
          targets: [upstream.origin],
          host: 'preserve',
          credentials: { fields: { 'X-Legacy-Key': '{tenant.credentials.legacyKey}' } },
        },
      },
      routes: [
        {
          id: 'api',
          match: { path: '/api/**' },
          accept: ['apiKey', 'bearer'],
          stripPrefix: '/api',
          upstream: 'api',
        },
        {
          id: 'write',
          match: { path: '/write', methods: ['POST'] },
          accept: ['apiKey'],
          require: { scopes: ['write'] },
          upstream: 'api',
        },
        {
          id: 'admin',
          match: { path: '/admin' },
          accept: ['apiKey'],
          require: { anyRole: ['admin'] },
          upstream: 'api',
        },
        {
          id: 'hosted',
          match: { path: '/hosted' },
          accept: ['apiKey'],
          tenant: { require: ['host'] },
          upstream: 'api',
        },
        { id: 'legacy', match: { path: '/legacy' }, accept: ['apiKey'], upstream: 'legacy' },
        { id: 'open', match: { path: '/open' }, public: true, upstream: 'legacy' },
      ],
    },
    { files: { 'jwks.json': JSON.stringify({ keys: [signing.publicJwk] }) } },
  );
});
afterAll(async () => {
  await gateway.stop();
  await upstream.close();
});
beforeEach(() => {
  upstream.requests.length = 0;
});

type Field = readonly [name: string, value: string];
interface Case {
  readonly method?: string;
  readonly host?: string;
  readonly target: string;
  readonly fields?: readonly Field[];
  readonly outcome: string;
}

const withKey = (key: string): readonly Field[] => [['X-API-Key', key]];

const CASES: Readonly<Record<string, Case>> = {
  'a key': { target: '/api/x?a=%41&b', fields: withKey(KEY), outcome: '200' },
  'a key, with fields that nobody may forge': {
    target: '/api/x',
    fields: [
      ...withKey(KEY),
      ['X-Tenant-Id', 'globex'],
      ['x_subject', 'root'],
      ['Connection', 'X-Dropped'],
      ['X-Dropped', '1'],
      ['X-Kept', 'yes'],
      ['Forwarded', 'for=1.2.3.4'],
    ],
    outcome: '200',
  },
  'a key on its host': { host: 'acme.gw.test', target: '/hosted', fields: withKey(KEY), outcome: '200' },
  'a legacy credential': { target: '/legacy', fields: withKey(KEY), outcome: '200' },
  'a legacy credential that is missing': {
    target: '/legacy',
    fields: withKey(GLOBEX_KEY),
    outcome: '503 identity_unavailable',
  },
  'a public route': { target: '/open', fields: withKey(KEY), outcome: '200' },
  'no credential': { target: '/api/x', outcome: '401 credential_missing' },
  'a wrong key': { target: '/api/x', fields: withKey('wrong'), outcome: '401 credential_invalid' },
  'an expired key': { target: '/api/x', fields: withKey(EXPIRED_KEY), outcome: '401 credential_expired' },
  'two credentials': {
    target: '/api/x',
    fields: [...withKey(KEY), ['Authorization', 'Bearer a.b.c']],
    outcome: '400 credential_ambiguous',
  },
  'a key in the query': { target: '/api/x?access_token=a', outcome: '400 credential_ambiguous' },
  'a suspended tenant': { target: '/api/x', fields: withKey(CLOSED_KEY), outcome: '403 tenant_suspended' },
  'the host of another tenant': {
    host: 'globex.gw.test',
    target: '/api/x',
    fields: withKey(KEY),
    outcome: '403 tenant_mismatch',
  },
  'the host of nobody': { host: 'nobody.api.gw.test', target: '/open', outcome: '404 tenant_not_found' },
  'a host that is missing a tenant': {
    target: '/hosted',
    fields: withKey(KEY),
    outcome: '403 tenant_unresolved',
  },
  'a host that is none': { host: 'gw..test', target: '/open', outcome: '400 host_invalid' },
  'a missing scope': {
    method: 'POST',
    target: '/write',
    fields: withKey(KEY),
    outcome: '403 insufficient_scope',
  },
  'a missing role': { target: '/admin', fields: withKey(KEY), outcome: '403 role_missing' },
  'no route': { target: '/nowhere', outcome: '404 route_not_found' },
  'no such method': { target: '/write', fields: withKey(KEY), outcome: '405 method_not_allowed' },
  'dot segments': { target: '/api/../open', outcome: '400 path_not_canonical' },
  'an encoded slash': { target: '/api/a%2Fb', fields: withKey(KEY), outcome: '400 path_not_canonical' },
  'a prefix alone': { target: '/api/', fields: withKey(KEY), outcome: '200' },
  'a long target': { target: `/open?${'x'.repeat(8192)}`, outcome: '414 target_too_long' },
};

/** What really happened: the outcome, and what the upstream received. */
async function real({ method = 'GET', host = 'gw.test', target, fields = [] }: Case) {
  const lines = fields.map(([name, value]) => `${name}: ${value}`);
  const answer = await gateway.raw(wire(`${method} ${target}`, lines, { host }));
  const [received] = upstream.requests;
  return { outcome: outcomeOf(answer), received };
}

function requestOf({ method = 'GET', host = 'gw.test', target, fields = [] }: Case): ExplainedRequest {
  return { method, url: `http://${host}${target}`, fields };
}

function outcomeIn({ decision, status, code }: Explanation): string {
  return decision === 'admitted' ? '200' : `${status} ${code}`;
}

/** Different for each request, or not shown. */
const UNCOMPARED = new Set(['traceparent', 'x-gatehouse-assertion', 'signature', 'signature-input']);

/** In their order, but for Host, which is sent first. */
function comparable(fields: readonly (readonly [string, string])[]): readonly string[] {
  return fields
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => name !== 'connection')
    .toSorted(([one], [other]) => Number(other === 'host') - Number(one === 'host'))
    .map(([name, value]) => (UNCOMPARED.has(name) ? name : `${name}: ${value}`));
}

const SECRETS = /legacy-secret|basic-secret|signature-secret|Z2F0ZWhvdXNl/;

describe.each(Object.entries(CASES))('%s', (_, each) => {
  it('is explained as it is decided, by the gateway and by the file alone', async () => {
    const { outcome, received } = await real(each);
    expect(outcome).toBe(each.outcome);
    const explanations = [
      await explainByFile(gateway.configFile, requestOf(each), pino({ level: 'silent' })),
      ...(each.target.length > 8000
        ? []
        : [await gateway.admin<Explanation>('POST', '/v1/explain', requestOf(each))]),
    ];
    for (const explanation of explanations) {
      expect(outcomeIn(explanation)).toBe(outcome);
      expect(explanation.forwarded === undefined).toBe(received === undefined);
      expect(JSON.stringify(explanation)).not.toMatch(SECRETS);
      for (const [, value] of each.fields ?? [])
        if (value.length > 20) expect(JSON.stringify(explanation)).not.toContain(value);
      if (explanation.forwarded === undefined || received === undefined) continue;
      expect(`${explanation.forwarded.requestLine} HTTP/1.1`).toBe(received.startLine);
      expect(explanation.forwarded.target).toBe(upstream.origin);
      const hidden = new Set(
        explanation.forwarded.fields
          .filter(([, value]) => value === '[secret]')
          .map(([name]) => name.toLowerCase()),
      );
      const masked = received.fields.map(
        ([name, value]) => [name, hidden.has(name.toLowerCase()) ? '[secret]' : value] as const,
      );
      expect(comparable(explanation.forwarded.fields)).toEqual(comparable(masked));
    }
    // Nothing was sent for an explanation.
    expect(upstream.requests).toHaveLength(received === undefined ? 0 : 1);
  });
});

describe('an explanation', () => {
  it('of a token shows its claims as an assertion, and never the token', async () => {
    const now = Math.floor(Date.now() / 1000);
    const token = await signToken(signing, {
      iss: 'https://idp.test',
      aud: 'api',
      sub: 'ann',
      client_id: 'app',
      roles: ['clerk'],
      iat: now,
      exp: now + 300,
    });
    const each: Case = { target: '/api/x', fields: [['Authorization', `Bearer ${token}`]], outcome: '200' };
    expect((await real(each)).outcome).toBe('200');
    const explanation = await gateway.admin<Explanation>('POST', '/v1/explain', requestOf(each));
    expect(explanation.principal).toMatchObject({
      subject: 'user:idp:ann',
      tenants: ['acme'],
      roles: ['clerk'],
    });
    const shown = explanation.forwarded?.fields.find(([name]) => name === 'X-Gatehouse-Assertion')?.[1];
    expect(shown).toMatch(/^JWS of \{.*"sub":"user:idp:ann".*\}$/);
    expect(JSON.stringify(explanation)).not.toContain(token.split('.')[2]);
  });

  it('by the gateway knows the keys of its store, and by the file only those of the file', async () => {
    const { key, id } = await gateway.issueKey('acme');
    const each: Case = { target: '/api/x', fields: withKey(key), outcome: '200' };
    const byGateway = () => gateway.admin<Explanation>('POST', '/v1/explain', requestOf(each));
    expect((await byGateway()).principal?.subject).toBe(`key:${id}`);
    const byFile = await explainByFile(gateway.configFile, requestOf(each), pino({ level: 'silent' }));
    expect(outcomeIn(byFile)).toBe('401 credential_invalid');
    await gateway.admin('POST', `/v1/keys/${id}/revoke`);
    expect(outcomeIn(await byGateway())).toBe('401 credential_revoked');
  });
});
