import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AttackedCredentials,
  startAttackedCredentials,
  withKey,
  withToken,
} from '../support/attacked-credentials.ts';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';
import { eventually } from '../support/authentication.ts';
import { createSigningKey, type SigningKey, signToken, startIssuer } from '../support/issuer.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

let bench: AttackedCredentials;
let attacked: AttackedGateway;
let key: SigningKey;
beforeAll(async () => {
  bench = await startAttackedCredentials();
  ({ attacked, key } = bench);
});
afterAll(() => bench.close());
beforeEach(() => attacked.forget());

const ask: AttackedCredentials['ask'] = (...request) => bench.ask(...request);
const claims: AttackedCredentials['claims'] = (changes) => bench.claims(changes);

describe('R01 a decision that is remembered', () => {
  it('for one route is not the decision for another: scopes, roles and tenants are asked each time', async () => {
    const { key: right } = attacked.acme;
    for (let round = 0; round < 2; round += 1) {
      attacked.forget();
      expect((await ask('/api/r01', withKey(right))).status).toBe(200);
      attacked.forget();
      await attacked.expectRefused(await ask('/write', withKey(right)), 403, 'insufficient_scope');
      await attacked.expectRefused(await ask('/api/admin', withKey(right)), 403, 'role_missing');
      await attacked.expectRefused(await ask('/t/globex/x', withKey(right)), 403, 'tenant_mismatch');
      await attacked.expectRefused(await ask('/bearer', withKey(right)), 401, 'credential_invalid');
      await attacked.expectRefused(
        await ask('/api/x', withKey(right), 'globex.gw.test'),
        403,
        'tenant_mismatch',
      );
    }
  });

  it('for a token of two tenants is made for the tenant of each request', async () => {
    const token = await signToken(key, claims({ tenants: ['acme', 'globex'] }));
    for (let round = 0; round < 2; round += 1) {
      for (const tenant of ['acme', 'globex']) {
        const forwarded = await attacked.expectForwarded(
          await ask('/api/r01-token', withToken(token), `${tenant}.gw.test`),
        );
        expect(forwarded.all('x-tenant-id')).toEqual([tenant]);
        expect(assertedTenant(forwarded.field('x-gatehouse-assertion'))).toBe(tenant);
      }
      await attacked.expectRefused(await ask('/api/x', withToken(token)), 403, 'tenant_unresolved');
    }
  });

  it('for one value as a key is not the decision for it as a token', async () => {
    const { key: right } = attacked.acme;
    expect((await ask('/both', withKey(right))).status).toBe(200);
    attacked.forget();
    await attacked.expectRefused(await ask('/both', withToken(right)), 401, 'credential_invalid');
    const token = await signToken(key, claims());
    expect((await ask('/both', withToken(token))).status).toBe(200);
    attacked.forget();
    await attacked.expectRefused(await ask('/both', withKey(token)), 401, 'credential_invalid');
  });
});

it('R02 a key that was unknown when it was tried passes soon after it was made', async () => {
  // The id is known only afterwards, so the refusal is of its tenant: a host that does not exist yet.
  await attacked.expectRefused(await ask('/api/r02', [], 'later.api.gw.test'), 404, 'tenant_not_found');
  await attacked.gateway.admin('POST', '/v1/tenants', { id: 'later', name: 'Later' });
  const { key: right } = await attacked.gateway.issueKey('later');
  attacked.forget();
  const forwarded = await attacked.expectForwarded(
    await ask('/api/r02', withKey(right), 'later.api.gw.test'),
  );
  expect(forwarded.all('x-tenant-id')).toEqual(['later']);
});

it('R03 a token that is remembered dies at its exp, whatever is in flight', async () => {
  const seconds = Math.floor(Date.now() / 1000);
  const token = await signToken(key, claims({ iat: seconds, exp: seconds + 2 }));
  expect((await ask('/api/r03', withToken(token))).status).toBe(200);
  await eventually(
    async () => (await ask('/api/r03', withToken(token))).status === 401,
    'the end of the token',
  );
  expect(Date.now() / 1000).toBeGreaterThanOrEqual(seconds + 2);
  attacked.forget();
  await attacked.expectRefused(await ask('/api/r03', withToken(token)), 401, 'credential_expired');
});

describe('S a key', () => {
  it.each(['api_key', 'apikey', 'key', 'x-api-key', 'X-API-Key', 'token'])(
    'S03 in the query (%s) is no credential',
    async (name) => {
      const answer = await ask(`/api/x?${name}=${attacked.acme.key}`);
      await attacked.expectRefused(answer, 401, 'credential_missing');
    },
  );

  it('S04 revoked is refused by the very next request, remembered or not', async () => {
    const issued = await attacked.gateway.issueKey('acme');
    expect((await ask('/api/s04-revoked', withKey(issued.key))).status).toBe(200);
    await attacked.gateway.admin('POST', `/v1/keys/${issued.id}/revoke`, {});
    attacked.forget();
    const record = await attacked.expectRefused(
      await ask('/api/s04-revoked', withKey(issued.key)),
      401,
      'credential_revoked',
    );
    expect(record.reason).toContain(issued.id);
  });

  it('S04 of a tenant that was suspended is refused by the very next request', async () => {
    await attacked.gateway.admin('POST', '/v1/tenants', { id: 'paused', name: 'Paused' });
    const issued = await attacked.gateway.issueKey('paused');
    expect((await ask('/api/s04-suspended', withKey(issued.key))).status).toBe(200);
    await attacked.gateway.admin('POST', '/v1/tenants/paused/suspend');
    attacked.forget();
    await attacked.expectRefused(
      await ask('/api/s04-suspended', withKey(issued.key)),
      403,
      'tenant_suspended',
    );
  });

  it('S04 that is expired is refused at its end', async () => {
    const expiresAt = new Date(Date.now() + 1_500).toISOString();
    const issued = await attacked.gateway.issueKey('acme', { expiresAt });
    expect((await ask('/api/s04', withKey(issued.key))).status).toBe(200);
    await eventually(
      async () => (await ask('/api/s04', withKey(issued.key))).status === 401,
      'the end of the key',
    );
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
    attacked.forget();
    await attacked.expectRefused(await ask('/api/s04', withKey(issued.key)), 401, 'credential_expired');
  });
});

describe('L06 a fault', () => {
  it('of the issuer is an outage: 503 and nothing sent, never a refusal and never a pass', async () => {
    const silent = await startIssuer();
    silent.behaviour = 'failing';
    const gated = await startAttackedGateway((config) => ({
      ...config,
      tenants: { acme: { issuers: ['login'] }, globex: {} },
      issuers: {
        login: {
          issuer: silent.url,
          audience: 'api',
          keys: { jwksUri: `${silent.url}/jwks` },
          tenant: { fixed: 'acme' },
        },
      },
    }));
    try {
      gated.forget();
      const token = await signToken(await createSigningKey('ES256', 'k1'), claims({ iss: silent.url }));
      const answer = await gated.gateway.raw(requestOf('GET /api/x', withToken(token)));
      expect(answer.status).toBe(503);
      expect(answer.field('retry-after')).toBe('2');
      expect(answer.body.toString()).not.toContain('127.0.0.1');
      const record = await gated.gateway.auditOf(answer);
      expect(record).toMatchObject({ decision: 'failed', code: 'issuer_unavailable', status: 503 });
      gated.expectNothingSent();
      await gated.expectAlive();
    } finally {
      await gated.close();
      await silent.close();
    }
  });

  it('of the upstream in the middle of an answer ends that answer alone', async () => {
    const breaking = await startRawUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf');
      socket.destroySoon();
    });
    const gated = await startAttackedGateway((config, origin) => ({
      ...config,
      upstreams: { open: { targets: [origin] }, api: { targets: [breaking.origin] } },
    }));
    try {
      const answer = await gated.gateway.raw(requestOf('GET /api/l06', withKey(gated.acme.key)));
      expect([answer.status, answer.body.toString()]).toEqual([200, 'half']);
      const record = await gated.gateway.audited(({ path }) => path === '/api/l06');
      expect(record).toMatchObject({ decision: 'failed', code: 'upstream_unavailable' });
      await gated.expectAlive();
    } finally {
      await gated.close();
      await breaking.close();
    }
  });
});

function assertedTenant(assertion = ''): unknown {
  const [, payload = ''] = assertion.split('.');
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { tenant?: unknown }).tenant;
}
