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
