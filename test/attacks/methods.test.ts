import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';

let attacked: AttackedGateway;
beforeAll(async () => {
  attacked = await startAttackedGateway((config) => ({
    ...config,
    routes: [
      { id: 'public', match: { path: '/public/**' }, public: true, upstream: 'open' },
      { id: 'any', match: { path: '/any/**' }, accept: ['apiKey'], upstream: 'api' },
      { id: 'read', match: { path: '/read/**', methods: ['GET'] }, accept: ['apiKey'], upstream: 'api' },
      {
        id: 'write',
        match: { path: '/read/**', methods: ['DELETE'] },
        accept: ['apiKey'],
        require: { scopes: ['write'] },
        upstream: 'api',
      },
    ],
  }));
});
afterAll(() => attacked.close());
beforeEach(() => attacked.forget());

const PREFLIGHT = ['Origin: https://evil.test', 'Access-Control-Request-Method: DELETE'];

describe('M01 HEAD', () => {
  it.each(['/any/x', '/read/x'])('of what GET needs a credential for (%s) needs one too', async (path) => {
    const answer = await attacked.gateway.raw(requestOf(`HEAD ${path}`));
    expect(answer.status).toBe(401);
    expect(answer.raw.length).toBe(0);
    expect(await attacked.gateway.auditOf(answer)).toMatchObject({
      code: 'credential_missing',
      method: 'HEAD',
    });
    attacked.expectNothingSent();
    await attacked.expectAlive();
  });

  it('with a wrong credential tells no more than GET does', async () => {
    const answer = await attacked.gateway.raw(requestOf('HEAD /read/x', ['X-API-Key: wrong']));
    expect([answer.status, answer.raw.length]).toEqual([401, 0]);
    expect(await attacked.gateway.auditOf(answer)).toMatchObject({ code: 'credential_invalid' });
    attacked.expectNothingSent();
  });
});

describe('M02 OPTIONS', () => {
  it.each([
    ['bare', []],
    ['that looks like a preflight', PREFLIGHT],
    ['with only an Origin', ['Origin: https://evil.test']],
  ])('%s does not step around the credential', async (_, fields) => {
    const answer = await attacked.gateway.raw(requestOf('OPTIONS /any/x', fields));
    await attacked.expectRefused(answer, 401, 'credential_missing');
  });

  it('is no method of a route that does not name it', async () => {
    const answer = await attacked.gateway.raw(requestOf('OPTIONS /read/x', PREFLIGHT));
    await attacked.expectRefused(answer, 405, 'method_not_allowed');
    expect(answer.field('allow')).toBe('DELETE, GET, HEAD');
  });
});

it.each([
  ['null', 'null'],
  ['a name that only begins like ours', 'https://acme.gw.test.evil'],
  ['a stranger', 'https://evil.test'],
])('M04 an Origin of %s is never reflected', async (_, origin) => {
  for (const line of ['GET /any/x', 'OPTIONS /any/x', 'GET /nowhere', 'GET /public/m04', 'OPTIONS /read/x']) {
    const answer = await attacked.gateway.raw(requestOf(line, [`Origin: ${origin}`, 'Cookie: session=1']));
    expect(answer.head).not.toMatch(/access-control|evil|null/i);
  }
  const record = await attacked.gateway.audited(
    ({ method, path }) => method === 'OPTIONS' && path === '/any/x',
  );
  expect(record).toMatchObject({ decision: 'denied', code: 'credential_missing' });
  await attacked.expectAlive();
});

it.each([
  ['another case', 'get'],
  ['a case that no route has', 'Delete'],
  ['one that nobody knows', 'FOO'],
  ['an empty one', ''],
  ['a long one', 'A'.repeat(1_000)],
])('M01 a method in %s is not read as the method that a route has', async (_, method) => {
  const answer = await attacked.gateway.raw(
    requestOf(`${method} /read/x`, [`X-API-Key: ${attacked.acme.key}`]),
  );
  await attacked.expectRefused(answer, 400, 'request_malformed');
});

it('M01 the stricter route of one method is not met by the credential of another', async () => {
  const fields = [`X-API-Key: ${attacked.acme.key}`, 'X-HTTP-Method-Override: GET'];
  const answer = await attacked.gateway.raw(requestOf('DELETE /read/x?_method=GET', fields));
  await attacked.expectRefused(answer, 403, 'insufficient_scope');
  const got = await attacked.gateway.raw(requestOf('GET /read/m01?_method=DELETE', fields.slice(0, 1)));
  const forwarded = await attacked.expectForwarded(got);
  expect(forwarded.startLine).toBe('GET /read/m01?_method=DELETE HTTP/1.1');
});
