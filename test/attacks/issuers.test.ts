import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withToken } from '../support/attacked-credentials.ts';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';
import {
  createSigningKey,
  type SigningKey,
  signToken,
  startIssuer,
  type TestIssuer,
} from '../support/issuer.ts';

let issuer: TestIssuer;
let key: SigningKey;
let attacked: AttackedGateway;

beforeAll(async () => {
  issuer = await startIssuer();
  key = await issuer.newKey('ES256', 'k1');
  attacked = await gatewayOf(issuer);
});
afterAll(async () => {
  await attacked.close();
  await issuer.close();
});
beforeEach(() => {
  issuer.behaviour = 'sound';
  attacked.forget();
});

/** A gateway that verifies JWTs of the issuer by its key set, and asks it about opaque tokens. */
function gatewayOf({ url }: TestIssuer): Promise<AttackedGateway> {
  return startAttackedGateway((config) => ({
    ...config,
    tenants: { acme: { issuers: ['login'] }, globex: {} },
    issuers: {
      login: {
        issuer: url,
        audience: 'api',
        keys: { jwksUri: `${url}/jwks` },
        introspection: { endpoint: `${url}/introspect`, clientId: 'gate', clientSecret: 'secret' },
        tenant: { fixed: 'acme' },
      },
    },
  }));
}

const ask = (token: string, path = '/api/issuers') =>
  attacked.gateway.raw(requestOf(`GET ${path}`, withToken(token)));

function sound(signing = key): Promise<string> {
  const seconds = Math.floor(Date.now() / 1000);
  return signToken(signing, { iss: issuer.url, aud: 'api', sub: 'u1', iat: seconds, exp: seconds + 300 });
}

async function expectOutage(token: string, at = attacked): Promise<void> {
  const answer = await at.gateway.raw(requestOf('GET /api/issuers', withToken(token)));
  expect(answer.status).toBe(503);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'issuer_unavailable' });
  expect(answer.field('retry-after')).toBeDefined();
  expect(answer.body.toString()).not.toMatch(/127\.0\.0\.1|ECONN|html/);
  const record = await at.gateway.auditOf(answer);
  expect(record).toMatchObject({ decision: 'failed', code: 'issuer_unavailable', status: 503 });
  expect(issuer.requests.filter((request) => request.includes('elsewhere'))).toEqual([]);
  at.expectNothingSent();
  await at.expectAlive();
}

/** An opaque token of which the issuer says this. */
function nextToken(answer: Record<string, unknown>): string {
  const token = `opaque-${issuer.tokens.size}`;
  issuer.tokens.set(token, answer);
  return token;
}

const BROKEN = ['down', 'failing', 'html', 'huge', 'redirecting'] as const;

describe('J19 a flood of tokens with unknown kids', () => {
  it('is refused with one fetch of the keys, and whoever has a sound one is served', async () => {
    await attacked.expectForwarded(await ask(await sound()));
    const fetched = issuer.count('GET /jwks');
    const stray = await Promise.all(
      Array.from({ length: 40 }, (_, n) => createSigningKey('ES256', `stray-${n}`).then(sound)),
    );
    const answers = await Promise.all(stray.map((token) => ask(token)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
    expect(issuer.count('GET /jwks') - fetched).toBeLessThanOrEqual(1);
    for (const answer of answers.slice(0, 1)) await attacked.expectRefused(answer, 401, 'credential_invalid');
    await attacked.expectForwarded(await ask(await sound(), '/api/issuers-after'));
  });
});

describe('J20 an issuer that does not give its keys', () => {
  it.each(BROKEN)(
    '(%s) makes its tokens an outage: none is admitted, and none is called wrong',
    async (behaviour) => {
      issuer.behaviour = behaviour;
      const without = await gatewayOf(issuer);
      try {
        without.forget();
        await expectOutage(await sound(), without);
      } finally {
        await without.close();
      }
    },
  );
});

describe('J23 an answer of introspection', () => {
  it.each([
    ['active is false', { active: false }],
    ['active is text', { active: 'true', sub: 'u1' }],
    ['active is 1', { active: 1, sub: 'u1' }],
    ['active is missing', { sub: 'u1', scope: 'read' }],
    ['another issuer', { active: true, sub: 'u1', iss: 'https://evil.test' }],
    ['another audience', { active: true, sub: 'u1', aud: 'other' }],
    ['another kind of token', { active: true, sub: 'u1', token_type: 'refresh_token' }],
    ['nobody', { active: true }],
  ])('(%s) admits nobody', async (_, answer) => {
    const token = nextToken(answer);
    await attacked.expectRefused(await ask(token), 401, 'credential_invalid');
  });

  it('that is over admits nobody, and says so to who has the token', async () => {
    const token = nextToken({ active: true, sub: 'u1', exp: Math.floor(Date.now() / 1000) - 1 });
    await attacked.expectRefused(await ask(token), 401, 'credential_expired');
  });

  it.each(BROKEN)('that is none (%s) is an outage', async (behaviour) => {
    const token = nextToken({ active: true, sub: 'u1' });
    issuer.behaviour = behaviour;
    await expectOutage(token);
  });

  it('that is in order admits', async () => {
    const token = nextToken({ active: true, sub: 'u1' });
    const forwarded = await attacked.expectForwarded(await ask(token));
    expect(forwarded.all('x-tenant-id')).toEqual(['acme']);
    expect(forwarded.head).not.toContain(token);
  });
});
