import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasSoundSignature, namesOf, OURS, OURS_ON_PUBLIC, signatureOf } from '../support/attacked-fields.ts';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';
import type { RecordedRequest } from '../support/raw-upstream.ts';

let attacked: AttackedGateway;

beforeAll(async () => {
  attacked = await startAttackedGateway();
});
afterAll(() => attacked.close());

beforeEach(() => attacked.forget());

const keyField = () => `X-API-Key: ${attacked.acme.key}`;

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

  it('never reach the upstream on a public route whose requests are signed: there is a signature, and nobody in it', async () => {
    const forwarded = await forwardedOf('/signed/spoof', [keyField(), ...spoofed]);
    expect(namesOf(forwarded).sort()).toEqual([...OURS_ON_PUBLIC, 'signature', 'signature-input'].sort());
    expect(hasSoundSignature(forwarded, [])).toBe(true);
    expect(signatureOf(forwarded).parameters).not.toMatch(/tenant|user|assertion/);
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

it('T22 the upstream gets its own Host; the one of the client stands in X-Forwarded-Host', async () => {
  const forwarded = await forwardedOf('/api/t22', [keyField()]);
  expect(forwarded.all('host')).toEqual([attacked.upstream.authority]);
  expect(forwarded.all('x-forwarded-host')).toEqual(['acme.gw.test']);
});
