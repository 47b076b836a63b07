import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Digest } from '../../src/api-keys/api-key-format.ts';
import { DENY_CODES, type DenyCode } from '../../src/http/deny-codes.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { issueKey } from '../support/api-keys.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { createSigningKey, signToken, startIssuer, type TestIssuer } from '../support/issuer.ts';
import {
  connectRaw,
  exchangeRaw,
  parseAnswer,
  type RawAnswer,
  type RawClient,
} from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { codeOf, wire } from '../support/wire.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-codes-'));
const store = path.join(folder, 'gatehouse.db');
const USER = JSON.stringify({ id: 'ann', tenants: ['acme', 'globex'] });
const ACCOUNT = `HTTP/1.1 200 OK\r\nSet-Cookie: sid=1\r\nContent-Length: ${USER.length}\r\n\r\n${USER}`;
const EXPIRED_KEY = 'key-of-2019-0123456789abcdef';

const LOGIN = {
  request: { path: '/login', json: { user: '{username}', password: '{password}' } },
  keep: { cookies: ['sid'] },
};

let gateway: TestGateway;
/** Asked by proxies, of which none is here; and by more clients than it can answer. */
let strict: TestGateway;
let upstream: RawUpstream;
let deaf: RawUpstream;
let issuer: TestIssuer;
/** A login that takes every password, of users of two tenants. */
let accounts: RawUpstream;
let acme: string;
/** Keys whose records somebody edited by hand: no JSON, and JSON of another shape. */
let unreadable: string;
let misshapen: string;

beforeAll(async () => {
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  accounts = await startRawUpstream(ACCOUNT);
  deaf = await startRawUpstream('', { isDeaf: true });
  issuer = await startIssuer();
  issuer.behaviour = 'down';
  [unreadable, misshapen] = await editedKeys();
  gateway = await startTestGateway({
    store: { embedded: { path: store } },
    trustedProxies: ['127.0.0.1/32'],
    limits: { failedCredentials: '3/min', target: '2KiB', bodyIdle: '300ms', concurrency: { perTenant: 2 } },
    tenants: {
      acme: { issuers: ['idp'] },
      globex: { hosts: ['globex.gw.test'] },
      closed: { status: 'suspended' },
    },
    tenantHosts: ['{tenant}.api.gw.test'],
    issuers: {
      idp: {
        issuer: issuer.url,
        audience: 'api',
        keys: { jwksUri: `${issuer.url}/jwks` },
        tenant: { fixed: 'acme' },
      },
    },
    apiKeys: {
      keys: [
        { id: 'old', tenant: 'acme', name: 'old', digest: digestText(EXPIRED_KEY), expires: '2020-01-01' },
      ],
    },
    clients: {
      app: { public: true, tenants: 'any', login: 'accounts', browserSession: true },
      stray: { public: true, tenants: 'any', login: 'gone', browserSession: true },
    },
    login: {
      accounts: {
        ...LOGIN,
        upstream: 'accounts',
        user: { id: '/id', tenants: '/tenants' },
        membershipAuthority: 'shared',
      },
      gone: { ...LOGIN, upstream: 'gone', user: { id: '/id' } },
    },
    upstreams: {
      accounts: { targets: [accounts.origin], credentials: { cookies: 'fromLogin' } },
      api: { targets: [upstream.origin] },
      deaf: { targets: [deaf.origin], timeouts: { headers: '200ms' } },
      full: { targets: [deaf.origin], connections: 1, queue: 0, timeouts: { headers: '1s' } },
      gone: { targets: ['http://127.0.0.1:1'] },
      legacy: {
        targets: [upstream.origin],
        credentials: { fields: { 'X-Legacy-Key': '{tenant.credentials.legacyKey}' } },
      },
    },
    routes: [
      { id: 'api', match: { path: '/api/**' }, accept: ['apiKey', 'bearer'], upstream: 'api' },
      { id: 'get', match: { path: '/get', methods: ['GET'] }, public: true, upstream: 'api' },
      { id: 'rare', match: { path: '/rare' }, public: true, limits: { total: '1/h' }, upstream: 'api' },
      { id: 'put', match: { path: '/put' }, public: true, limits: { body: '10B' }, upstream: 'api' },
      {
        id: 'scoped',
        match: { path: '/scoped' },
        accept: ['apiKey'],
        require: { scopes: ['write'] },
        upstream: 'api',
      },
      {
        id: 'roled',
        match: { path: '/roled' },
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
      {
        id: 'chat',
        match: { path: '/chat' },
        public: true,
        websocket: { origins: ['https://app.test'] },
        upstream: 'api',
      },
      { id: 'deaf', match: { path: '/deaf' }, public: true, upstream: 'deaf' },
      { id: 'full', match: { path: '/full' }, public: true, upstream: 'full' },
      { id: 'slow', match: { path: '/slow' }, accept: ['apiKey'], upstream: 'deaf' },
      { id: 'gone', match: { path: '/gone' }, public: true, upstream: 'gone' },
      { id: 'legacy', match: { path: '/legacy' }, accept: ['apiKey'], upstream: 'legacy' },
    ],
  });
  acme = (await gateway.issueKey('acme')).key;
  const listeners = { public: '127.0.0.1:0', admin: '127.0.0.1:0', ops: '127.0.0.1:0' };
  strict = await startTestGateway({
    listen: { ...listeners, forwardAuth: { address: '127.0.0.1:0', peers: ['192.0.2.0/24'] } },
    limits: { queueDelay: '100ms' },
    upstreams: { api: { targets: [upstream.origin] } },
    routes: [{ id: 'get', match: { path: '/get' }, public: true, upstream: 'api' }],
  });
});
afterAll(async () => {
  await Promise.all([gateway.stop(), strict.stop()]);
  await Promise.all([upstream.close(), deaf.close(), accounts.close(), issuer.close()]);
  rmSync(folder, { recursive: true, force: true });
});

function digestText(key: string): string {
  const { algorithm, hex } = sha256Digest(key);
  return `${algorithm}:${hex}`;
}

async function editedKeys(): Promise<[string, string]> {
  const stores = openEmbeddedStore({ path: store, clock: Date.now });
  const first = await issueKey(stores.apiKeys);
  const second = await issueKey(stores.apiKeys);
  await stores.close();
  const database = new DatabaseSync(store);
  const edit = database.prepare('UPDATE api_keys SET scopes = ? WHERE id = ?');
  edit.run('[', first.id);
  edit.run('42', second.id);
  database.close();
  return [first.key, second.key];
}

function ask(line: string, key?: string, fields: readonly string[] = [], host?: string): Promise<RawAnswer> {
  const credential = key === undefined ? [] : [`X-API-Key: ${key}`];
  return gateway.raw(wire(line, [...credential, ...fields], { ...(host !== undefined && { host }) }));
}

function guess(): Promise<RawAnswer> {
  return ask('GET /api/x', 'guessed', ['X-Forwarded-For: 203.0.113.9']);
}

function handshake(fields: readonly string[], version = 13): Promise<RawAnswer> {
  const line = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Version: ${version}`];
  return ask('GET /chat', undefined, [...line, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', ...fields]);
}

const MEANT = ['Gatehouse-CSRF: 1', 'Sec-Fetch-Site: same-origin'];

function post(target: string, body: unknown, fields: readonly string[] = MEANT): Promise<RawAnswer> {
  const text = JSON.stringify(body);
  const framing = ['Content-Type: application/json', `Content-Length: ${text.length}`];
  return gateway.raw(wire(`POST ${target}`, [...fields, ...framing], { body: text }));
}

function logIn(client: string, fields?: readonly string[]): Promise<RawAnswer> {
  return post('/session', { client_id: client, username: 'ann', password: 'secret', tenant: 'acme' }, fields);
}

/** The gateway runs in this process, and waits while it does something else. */
function keepBusy(): { stop(): void } {
  const timer = setInterval(() => {
    const end = performance.now() + 80;
    while (performance.now() < end);
  }, 1);
  return { stop: () => clearInterval(timer) };
}

async function askAgain(client: RawClient): Promise<void> {
  const before = client.received().length;
  client.send('GET /get HTTP/1.1\r\nHost: gw.test\r\n\r\n');
  await client.until((text) => text.length > before && /(?:ok|\}\n)$/.test(text));
}

function lastAnswer(client: RawClient): RawAnswer {
  const text = client.received().toString('latin1');
  return parseAnswer(Buffer.from(text.slice(text.lastIndexOf('HTTP/1.1 ')), 'latin1'));
}

/** How each code is provoked. A code without an entry does not compile. */
const PROVOCATIONS: Readonly<Record<DenyCode, () => Promise<RawAnswer>>> = {
  request_malformed: () => ask('GET /get', undefined, ['Content-Length: 1', 'Transfer-Encoding: chunked']),
  host_invalid: () => gateway.raw('GET /get HTTP/1.1\r\nConnection: close\r\n\r\n'),
  path_not_canonical: () => ask('GET /api/../get'),
  route_not_found: () => ask('GET /nowhere'),
  tenant_not_found: () => ask('GET /get', undefined, [], 'nobody.api.gw.test'),
  method_not_allowed: () => ask('DELETE /get'),
  async too_many_failures() {
    for (let attempt = 0; attempt < 3; attempt += 1) expect(codeOf(await guess())).toBe('credential_invalid');
    return guess();
  },
  async rate_limited() {
    expect((await ask('GET /rare')).status).toBe(200);
    return ask('GET /rare');
  },
  credential_missing: () => ask('GET /api/x'),
  credential_ambiguous: () => ask('GET /api/x', acme, [`X-API-Key: ${acme}`]),
  credential_invalid: () => ask('GET /api/x', 'unknown'),
  credential_expired: () => ask('GET /api/x', EXPIRED_KEY),
  async credential_revoked() {
    const { id, key } = await gateway.issueKey('acme');
    await gateway.admin('POST', `/v1/keys/${id}/revoke`);
    return ask('GET /api/x', key);
  },
  tenant_mismatch: () => ask('GET /api/x', acme, [], 'globex.gw.test'),
  tenant_unresolved: () => ask('GET /hosted', acme),
  tenant_suspended: async () => ask('GET /api/x', (await gateway.issueKey('closed')).key),
  insufficient_scope: () => ask('GET /scoped', acme),
  async peer_forbidden() {
    const raw = wire('GET /authz/envoy/get');
    return exchangeRaw(strict.gateway.forwardAuthPort ?? 0, raw);
  },
  csrf_rejected: () => logIn('app', []),
  async reauthentication_required() {
    const cookie = (await logIn('app')).field('set-cookie')?.split(';', 1)[0] ?? '';
    return post('/session/tenant', { tenant: 'globex' }, [...MEANT, `Cookie: ${cookie}`]);
  },
  origin_forbidden: () => handshake(['Origin: https://evil.test']),
  handshake_invalid: () => handshake(['Content-Length: 1']),
  websocket_version_unsupported: () => handshake([], 8),
  role_missing: () => ask('GET /roled', acme),
  body_too_large: () => gateway.raw(wire('PUT /put', ['Content-Length: 11'], { body: 'x'.repeat(11) })),
  target_too_long: () => ask(`GET /get?${'x'.repeat(2048)}`),
  fields_too_large: () => ask('GET /get', undefined, [`X-Long: ${'x'.repeat(40_000)}`]),
  expectation_failed: () => ask('GET /get', undefined, ['Expect: 200-ok']),
  async request_timeout() {
    const client = await connectRaw(gateway.port);
    client.send(wire('PUT /put', ['Content-Length: 5'], { body: 'x' }));
    await client.closed();
    return parseAnswer(client.received());
  },
  async concurrency_limited() {
    const answers = await Promise.all([1, 2, 3].map(() => ask('GET /slow', acme)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(1);
    return refused[0] ?? ask('GET /slow', acme);
  },
  async overloaded() {
    const clients = await Promise.all(Array.from({ length: 40 }, () => connectRaw(strict.port)));
    const busy = keepBusy();
    let refused: RawAnswer | undefined;
    while (refused === undefined) {
      await Promise.all(clients.map((client) => askAgain(client)));
      refused = clients.map(lastAnswer).find(({ status }) => status === 503);
    }
    busy.stop();
    for (const client of clients) client.close();
    return refused;
  },
  store_unavailable: () => ask('GET /api/x', unreadable),
  async issuer_unavailable() {
    const token = await signToken(await createSigningKey('ES256', 'k'), {
      iss: issuer.url,
      aud: 'api',
      sub: 'ann',
      client_id: 'app',
      iat: Math.floor(Date.now() / 1000),
      exp: Math.floor(Date.now() / 1000) + 60,
    });
    return ask('GET /api/x', undefined, [`Authorization: Bearer ${token}`]);
  },
  identity_unavailable: () => ask('GET /legacy', acme),
  login_unavailable: () => logIn('stray'),
  upstream_unavailable: () => ask('GET /gone'),
  upstream_timeout: () => ask('GET /deaf'),
  async upstream_busy() {
    const [one, other] = await Promise.all([ask('GET /full'), ask('GET /full')]);
    return one.status === 503 ? one : other;
  },
  internal_error: () => ask('GET /api/x', misshapen),
};

/** Counted only: a process that cannot keep up writes nothing down for each request that it sends away. */
const UNRECORDED = new Set(['overloaded']);

describe('every deny code', () => {
  it.each(Object.entries(PROVOCATIONS))('%s reaches a client as the registry says', async (code, provoke) => {
    const { status, title } = DENY_CODES[code as DenyCode];
    const answer = await provoke();
    if (code === 'overloaded') expect(answer.field('connection')).not.toBe('close');
    expect(JSON.parse(answer.body.toString())).toEqual({
      type: `urn:gatehouse:problem:${code}`,
      title,
      status,
      code,
      decisionId: answer.field('gatehouse-decision-id'),
    });
    expect(answer.status).toBe(status);
    expect(answer.field('cache-control')).toBe('no-store');
    const tellsWhenToRetry = [429, 503].includes(status);
    expect(answer.field('retry-after') !== undefined).toBe(tellsWhenToRetry);
    if (UNRECORDED.has(code)) return;
    const asked = code === 'peer_forbidden' ? strict : gateway;
    const record = await asked.auditOf(answer);
    expect(record).toMatchObject({ code, status });
    expect(record.decision).toBe(status >= 500 ? 'failed' : 'denied');
  });

  it('is documented, and no other', () => {
    const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/deny-codes.md'), 'utf8');
    const documented = [...page.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [
      code,
      Number(status),
    ]);
    expect(documented).toEqual(Object.entries(DENY_CODES).map(([code, { status }]) => [code, status]));
  });
});
