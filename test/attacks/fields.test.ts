import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AttackedGateway,
  requestOf,
  SIGNATURE_SECRET,
  startAttackedGateway,
} from '../support/attacked-gateway.ts';
import type { RecordedRequest } from '../support/raw-upstream.ts';

let attacked: AttackedGateway;
beforeAll(async () => {
  attacked = await startAttackedGateway();
});
afterAll(() => attacked.close());
beforeEach(() => attacked.forget());

const keyField = () => `X-API-Key: ${attacked.acme.key}`;

/** Everything that the upstream gets of an admitted request for acme that came without further fields. */
const OURS = [
  'host',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'via',
  'x-tenant-id',
  'x-user-id',
  'x-user-roles',
  'x-gatehouse-assertion',
  'signature-input',
  'signature',
];
const OURS_ON_PUBLIC = OURS.slice(0, 5);

/** Names as CGI-style servers see them, so that an alias cannot hide; but for those that say nothing of who acts. */
function namesOf(request: RecordedRequest): string[] {
  return request.fields
    .map(([name]) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-'))
    .filter((name) => name !== 'connection' && name !== 'traceparent');
}

async function forwardedOf(path: string, fields: readonly string[]): Promise<RecordedRequest> {
  return attacked.expectForwarded(
    await attacked.gateway.raw(requestOf(`GET ${path}`, fields, 'acme.gw.test')),
  );
}

const SPOOFS: readonly (readonly [string, readonly string[]])[] = [
  ['T01 identity fields', ['X-Tenant-Id: globex', 'X-User-Id: root', 'X-User-Roles: admin']],
  [
    'T01 an assertion and a signature',
    ['X-Gatehouse-Assertion: a.b.c', 'Signature: s1=:AA==:', 'Signature-Input: s1=()'],
  ],
  ['T02 aliases with underscores', ['X_Tenant_Id: globex', 'X-Tenant_Id: globex', 'x_user_id: root']],
  [
    'T02 aliases with other characters',
    ['X.Tenant.Id: globex', 'X-Tenant.Id: globex', "X'User'Id: root", 'X~User~Roles: admin'],
  ],
  [
    'T02 an alias of the assertion',
    ['X_Gatehouse_Assertion: a.b.c', 'X-Gatehouse_Assertion: a.b.c', 'Signature_Input: x'],
  ],
  ['T04 duplicates in any case', ['x-tenant-ID: globex', 'X-TENANT-ID: globex', 'x-TENANT-id: globex']],
];

describe.each(SPOOFS)('%s of the client', (_, spoofed) => {
  it('never reach the upstream with a credential: there is one value, ours', async () => {
    const forwarded = await forwardedOf('/api/spoof', [keyField(), ...spoofed]);
    expect(namesOf(forwarded).sort()).toEqual([...OURS].sort());
    expect(forwarded.all('x-tenant-id')).toEqual(['acme']);
    expect(forwarded.all('x-user-id')).toEqual([`key:${attacked.acme.id}`]);
    expect(forwarded.all('x-user-roles')).toEqual(['clerk']);
    expect(forwarded.head).not.toMatch(/globex|root|admin|a\.b\.c/);
  });

  it('never reach the upstream on a public route: there is none at all', async () => {
    const forwarded = await forwardedOf('/public/spoof', [keyField(), ...spoofed]);
    expect(namesOf(forwarded).sort()).toEqual([...OURS_ON_PUBLIC].sort());
    expect(forwarded.head).not.toMatch(/globex|root|admin|a\.b\.c/);
  });

  it('never reach the upstream on a public route whose requests are signed: they are there, and empty', async () => {
    const forwarded = await forwardedOf('/signed/spoof', [keyField(), ...spoofed]);
    expect(namesOf(forwarded).sort()).toEqual([...OURS].sort());
    for (const name of ['x-tenant-id', 'x-user-id', 'x-user-roles', 'x-gatehouse-assertion'])
      expect(forwarded.all(name)).toEqual(['']);
    expect(hasSoundSignature(forwarded)).toBe(true);
  });

  it('never reach it without a credential', async () => {
    const answer = await attacked.gateway.raw(requestOf('GET /api/spoof', spoofed));
    await attacked.expectRefused(answer, 401, 'credential_missing');
  });
});

it.each([
  [
    'the fields that carry identity',
    'close, X-Tenant-Id, X-User-Id, X-Gatehouse-Assertion, Signature, Signature-Input',
  ],
  ['what we vouch for', 'close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Host'],
])('T05 Connection cannot take away %s', async (_, connection) => {
  const request = `GET /api/t05 HTTP/1.1\r\nHost: acme.gw.test\r\n${keyField()}\r\nConnection: ${connection}\r\nX-Tenant-Id: globex\r\n\r\n`;
  const forwarded = await attacked.expectForwarded(await attacked.gateway.raw(request));
  expect(namesOf(forwarded).sort()).toEqual([...OURS].sort());
  expect(forwarded.all('x-tenant-id')).toEqual(['acme']);
  expect(forwarded.all('host')).toEqual([attacked.upstream.authority]);
});

it('T05 Connection takes away what a client nominates of its own, in every field of that name', async () => {
  const forwarded = await forwardedOf('/api/t05-own', [
    keyField(),
    'Connection: X-Hop, x-other',
    'X-Hop: 1',
    'x-HOP: 2',
    'X-Other: 3',
    'X-Kept: 4',
  ]);
  expect(namesOf(forwarded).sort()).toEqual([...OURS, 'x-kept'].sort());
});

it('T06 Connection cannot hide the credential from the decision', async () => {
  const wrong = await attacked.gateway.raw(
    requestOf('GET /api/x', ['Authorization: ApiKey wrong', 'Connection: Authorization, X-API-Key']),
  );
  await attacked.expectRefused(wrong, 401, 'credential_invalid');
  const two = await attacked.gateway.raw(
    requestOf('GET /api/x', [keyField(), 'Authorization: Bearer x', 'Connection: Authorization, X-API-Key']),
  );
  await attacked.expectRefused(two, 400, 'credential_ambiguous');
  const forwarded = await forwardedOf('/api/t06', [keyField(), 'Connection: X-API-Key']);
  expect(forwarded.all('x-user-id')).toEqual([`key:${attacked.acme.id}`]);
  expect(namesOf(forwarded).sort()).toEqual([...OURS].sort());
});

it.each([
  ['Proxy-Authorization: Basic YTpi'],
  ['Proxy-Connection: keep-alive'],
  ['TE: trailers'],
  ['Trailer: X-Tenant-Id'],
  ['Keep-Alive: timeout=5'],
  ['Upgrade: websocket'],
  ['Upgrade: h2c'],
  ['Proxy: http://evil.test'],
  ['Proxy_Connection: keep-alive'],
  ['HTTP2-Settings: AAMAAABkAAQAAP__'],
])('T07 %s is a matter of this connection: the request passes without it', async (field) => {
  const forwarded = await forwardedOf('/api/t07', [keyField(), field]);
  expect(namesOf(forwarded).sort()).toEqual([...OURS].sort());
});

it('F19 an upgrade to h2c is a plain request, and the bytes behind it are not tunnelled', async () => {
  const request = `GET /api/f19 HTTP/1.1\r\nHost: acme.gw.test\r\n${keyField()}\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`;
  const forwarded = await attacked.expectForwarded(await attacked.gateway.raw(request));
  expect(namesOf(forwarded).sort()).toEqual([...OURS].sort());
});

it('T08 where a request comes from is told to the upstream by us, whatever the client claims', async () => {
  const forwarded = await forwardedOf('/api/t08', [
    keyField(),
    'X-Forwarded-For: 1.2.3.4',
    'X-Forwarded-For: 5.6.7.8',
    'X_Forwarded_For: 1.2.3.4',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil',
    'X-Forwarded-Port: 443',
    'X-Forwarded-Prefix: /evil',
    'X-Forwarded-Uri: /public',
    'X-Forwarded-Client-Cert: Hash=abc',
    'Forwarded: for=1.2.3.4;host=evil;proto=https',
    'X-Real-IP: 1.2.3.4',
    'X-Client-IP: 1.2.3.4',
    'True-Client-IP: 1.2.3.4',
    'CF-Connecting-IP: 1.2.3.4',
    'X-Original-URL: /admin',
    'X-Rewrite-URL: /admin',
    'Client-Cert: :AA==:',
    'X-SSL-Client-Verify: SUCCESS',
    'SSL_CLIENT_S_DN: CN=root',
    'Via: 1.1 evil',
  ]);
  expect(namesOf(forwarded).sort()).toEqual([...OURS].sort());
  expect(forwarded.all('x-forwarded-for')).toEqual(['127.0.0.1']);
  expect(forwarded.all('x-forwarded-proto')).toEqual(['http']);
  expect(forwarded.all('x-forwarded-host')).toEqual(['acme.gw.test']);
  expect(forwarded.all('via')).toEqual(['1.1 gatehouse']);
});

it.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X_HTTP_Method_Override'])(
  'T10 %s cannot turn a method that was admitted into another',
  async (name) => {
    const forwarded = await forwardedOf('/api/t10', [keyField(), `${name}: DELETE`]);
    expect(forwarded.startLine).toBe('GET /api/t10 HTTP/1.1');
    expect(namesOf(forwarded).sort()).toEqual([...OURS].sort());
  },
);

it.each([
  ['T11 two bearer tokens', ['Authorization: Bearer a', 'Authorization: Bearer b']],
  ['T11 two equal ones', ['Authorization: Bearer a', 'AUTHORIZATION: Bearer a']],
  ['T12 two keys', ['X-API-Key: a', 'x-api-key: b']],
  ['T13 a token in the query', ['Authorization: Bearer a'], '?access_token=a'],
  ['T13 a token in the query alone', [], '?a=1&access_token=a'],
  ['T13 a token in the query in capitals', [], '?ACCESS_TOKEN=a'],
])('%s are ambiguous', async (_, fields, query = '') => {
  const answer = await attacked.gateway.raw(requestOf(`GET /api/x${query}`, fields));
  await attacked.expectRefused(answer, 400, 'credential_ambiguous');
});

it('T11 a right key beside a second one is not looked for: neither the first nor the last wins', async () => {
  for (const fields of [
    [keyField(), 'X-API-Key: wrong'],
    ['X-API-Key: wrong', keyField()],
    [`Authorization: ApiKey ${attacked.acme.key}`, 'Authorization: Bearer x'],
  ]) {
    attacked.forget();
    const answer = await attacked.gateway.raw(requestOf('GET /api/x', fields));
    await attacked.expectRefused(answer, 400, 'credential_ambiguous');
  }
});

it('T12 a list of keys in one field is one wrong key', async () => {
  const answer = await attacked.gateway.raw(
    requestOf('GET /api/x', [`X-API-Key: wrong, ${attacked.acme.key}`]),
  );
  await attacked.expectRefused(answer, 401, 'credential_invalid');
});

it('T12 an alias of the key field is no credential, and is not forwarded', async () => {
  const alias = `X_API_Key: ${attacked.acme.key}`;
  const answer = await attacked.gateway.raw(requestOf('GET /api/x', [alias]));
  await attacked.expectRefused(answer, 401, 'credential_missing');
  const forwarded = await forwardedOf('/public/alias', [alias, 'X.Api.Key: a', 'Proxy_Authorization: b']);
  expect(namesOf(forwarded).sort()).toEqual([...OURS_ON_PUBLIC].sort());
});

it('T13 a token in a form is no credential', async () => {
  const form = `access_token=${attacked.acme.key}`;
  const answer = await attacked.gateway.raw(
    `POST /api/x HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n\r\n${form}`,
  );
  await attacked.expectRefused(answer, 401, 'credential_missing');
});

it.each([
  ['T14 a bare CR begins a field', 'X-A: 1\rX-Tenant-Id: globex'],
  ['T14 a bare LF begins a field', 'X-A: 1\nX-Tenant-Id: globex'],
  ['T14 NUL in a value', 'X-A: a\0b'],
  ['T14 another control byte in a value', 'X-A: a\x08b'],
  ['T14 a folded line', 'X-A: 1\r\n X-Tenant-Id: globex'],
  ['T14 a line folded with a tab', 'X-A: 1\r\n\tX-Tenant-Id: globex'],
  ['T15 a space before the colon', 'X-Tenant-Id : globex'],
  ['T15 a tab before the colon', 'X-Tenant-Id\t: globex'],
  ['T15 a space in the name', 'X-Tenant Id: globex'],
  ['T15 no name', ': globex'],
  ['T15 no colon', 'X-Tenant-Id'],
  ['T15 a byte outside ASCII in the name', 'X-T\xe9nant: globex'],
])('%s: no HTTP, and the connection is closed', async (_, line) => {
  // No `Connection: close`: only the gateway can end this.
  const request = `GET /api/x HTTP/1.1\r\nHost: acme.gw.test\r\n${keyField()}\r\n${line}\r\n\r\n`;
  await attacked.expectRefused(await attacked.gateway.raw(request), 400, 'request_malformed');
});

it.each([
  ['2,005 fields, the credential last', 2_004],
  ['one field more than allowed', 199],
])('T17 %s: refused, never cut short', async (_, count) => {
  const flood = Array.from({ length: count }, (__, index) => `X${index}: 1`);
  const head = ['GET /api/x HTTP/1.1', 'Host: acme.gw.test', ...flood, keyField(), '', ''].join('\r\n');
  await attacked.expectRefused(await attacked.gateway.raw(head), 431, 'fields_too_large');
});

it('T17 a Host behind 2,000 fields counts like any other', async () => {
  const flood = Array.from({ length: 2_003 }, (__, index) => `X${index}: 1`);
  const head = ['GET /public/x HTTP/1.1', 'Host: acme.gw.test', ...flood, 'Host: evil', '', ''].join('\r\n');
  await attacked.expectRefused(await attacked.gateway.raw(head), 431, 'fields_too_large');
});

it('T17 a head over the limit in bytes is refused before it has all come', async () => {
  const head = `GET /api/x HTTP/1.1\r\nHost: gw.test\r\nX-A: ${'a'.repeat(40_000)}`;
  await attacked.expectRefused(await attacked.gateway.raw(head), 431, 'fields_too_large');
});

it('T17 as many fields as allowed pass whole', async () => {
  const allowed = Array.from({ length: 196 }, (__, index) => `X${index}: 1`);
  const forwarded = await forwardedOf('/api/t17', [...allowed, keyField()]);
  expect(namesOf(forwarded)).toHaveLength(196 + OURS.length);
});

it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])(
  'T18 a field named %s is a field like any other',
  async (name) => {
    const forwarded = await forwardedOf('/api/t18', [keyField(), `${name}: X-Tenant-Id`, `${name}: 2`]);
    expect(forwarded.all('x-tenant-id')).toEqual(['acme']);
    expect(forwarded.all(name)).toEqual(['X-Tenant-Id', '2']);
  },
);

it.each([
  ['Authorization', (key: string) => [`Authorization: ApiKey ${key}`]],
  ['X-API-Key', (key: string) => [`X-API-Key: ${key}`]],
  [
    'DPoP and message signatures',
    (key: string) => [
      `X-API-Key: ${key}`,
      `DPoP: ${key}`,
      `Signature: x=:${key}:`,
      `Signature-Input: x=("${key}")`,
    ],
  ],
])('T21 the credential of the client (%s) never reaches the upstream', async (_, fields) => {
  const { key, id } = attacked.acme;
  const forwarded = await forwardedOf('/api/t21', fields(key));
  expect(namesOf(forwarded).sort()).toEqual([...OURS].sort());
  expect(forwarded.head).not.toContain(key);
  expect(forwarded.head).not.toContain(key.slice(13));
  expect(forwarded.all('x-user-id')).toEqual([`key:${id}`]);
  const open = await forwardedOf('/public/t21', fields(key));
  expect(namesOf(open).sort()).toEqual([...OURS_ON_PUBLIC].sort());
});

it('T22 the upstream gets its own Host; the one of the client stands in X-Forwarded-Host', async () => {
  const forwarded = await forwardedOf('/api/t22', [keyField()]);
  expect(forwarded.all('host')).toEqual([attacked.upstream.authority]);
  expect(forwarded.all('x-forwarded-host')).toEqual(['acme.gw.test']);
});

describe('T19 a captured signature', () => {
  it('binds method, authority, path, query and every identity field', async () => {
    const forwarded = await forwardedOf('/api/t19?a=1', [keyField()]);
    expect(hasSoundSignature(forwarded)).toBe(true);
    const { startLine } = forwarded;
    for (const changed of [
      { ...forwarded, startLine: startLine.replace('GET', 'DELETE') },
      { ...forwarded, startLine: startLine.replace('t19', 't20') },
      { ...forwarded, startLine: startLine.replace('a=1', 'a=2') },
      withField(forwarded, 'x-tenant-id', 'globex'),
      withField(forwarded, 'x-user-id', 'root'),
      withField(forwarded, 'x-user-roles', 'admin'),
      withField(forwarded, 'host', 'other'),
    ])
      expect(hasSoundSignature(changed)).toBe(false);
    const parameters = signatureOf(forwarded).parameters;
    const [created, expires] = [/;created=(\d+)/, /;expires=(\d+)/].map((each) =>
      Number(each.exec(parameters)?.[1]),
    );
    expect(Number(expires) - Number(created)).toBeLessThanOrEqual(60);
    expect(parameters).toMatch(/;nonce="[^"]{16,}"/);
  });

  it('T20 of another request of the same client is not passed on, but made anew', async () => {
    const first = await forwardedOf('/api/t20-a', [keyField()]);
    const replayed = ['signature', 'signature-input', 'x-gatehouse-assertion'].map(
      (name) => `${name}: ${first.field(name)}`,
    );
    const second = await forwardedOf('/api/t20-b', [keyField(), ...replayed]);
    expect(namesOf(second).sort()).toEqual([...OURS].sort());
    expect(second.field('signature')).not.toBe(first.field('signature'));
    expect(hasSoundSignature(second)).toBe(true);
    const open = await forwardedOf('/public/t20', replayed);
    expect(namesOf(open).sort()).toEqual([...OURS_ON_PUBLIC].sort());
  });
});

it('T19 an assertion that was captured is no credential', async () => {
  const forwarded = await forwardedOf('/api/t19-assertion', [keyField()]);
  const answer = await attacked.gateway.raw(
    requestOf('GET /api/x', [`Authorization: Bearer ${forwarded.field('x-gatehouse-assertion')}`]),
  );
  await attacked.expectRefused(answer, 401, 'credential_invalid');
});

function withField(request: RecordedRequest, changed: string, value: string): RecordedRequest {
  return { ...request, field: (name) => (name === changed ? value : request.field(name)) };
}

function signatureOf(request: RecordedRequest): { readonly label: string; readonly parameters: string } {
  const input = request.field('signature-input') ?? '';
  const equals = input.indexOf('=');
  return { label: input.slice(0, equals), parameters: input.slice(equals + 1) };
}

/** The check of RFC 9421 section 3.2 for the components that we sign, written anew. */
function hasSoundSignature(request: RecordedRequest): boolean {
  const { label, parameters } = signatureOf(request);
  const [method = '', target = ''] = request.startLine.split(' ');
  const [path = '', query = ''] = target.split('?');
  const derived: Record<string, string> = {
    '@method': method,
    '@authority': (request.field('host') ?? '').toLowerCase(),
    '@path': path,
    '@query': `?${query}`,
  };
  const names = [...(/^\(([^)]*)\)/.exec(parameters)?.[1] ?? '').matchAll(/"([^"]+)"/g)].map(
    ([, name = '']) => name,
  );
  for (const name of ['@method', '@authority', '@path', '@query', 'x-tenant-id', 'x-user-id', 'x-user-roles'])
    expect(names).toContain(name);
  const lines = names.map((name) => `"${name}": ${derived[name] ?? request.field(name) ?? ''}`);
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n');
  const expected = createHmac('sha256', SIGNATURE_SECRET).update(base).digest('base64');
  return request.field('signature') === `${label}=:${expected}:`;
}
