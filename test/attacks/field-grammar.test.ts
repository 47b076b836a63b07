import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { namesOf, OURS } from '../support/attacked-fields.ts';
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
