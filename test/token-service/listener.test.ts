import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LegacyApi, startLegacyApi } from '../../demo/legacy-api/server.ts';
import { eventually } from '../support/authentication.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RunningRedis, redisMissing, startRedis } from '../support/redis.ts';
import { tokenGatewayConfig } from './gateway-config.ts';
import { ANNA, secretOf } from './replica.ts';
import { basicOf } from './scene.ts';

/** How long the revocation list may be behind, by default; milliseconds. */
const MAX_LAG = 5_000;

interface Told {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

function token(told: Told, name: 'access_token' | 'refresh_token' = 'access_token'): string {
  const text = told.json[name];
  if (typeof text !== 'string') throw new Error(`no ${name}: ${JSON.stringify(told.json)}`);
  return text;
}

describe('on the embedded store', () => suite(1, undefined));

describe.skipIf(redisMissing)(`on Redis ${redisMissing ?? 'with two gateways'}`, () => {
  let redis: RunningRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  suite(2, () => redis.url);
});

function suite(replicas: number, redisUrl: (() => string) | undefined): void {
  let legacy: LegacyApi;
  const gateways: TestGateway[] = [];
  const at = (index: number): TestGateway => {
    const gateway = gateways[index % gateways.length];
    if (gateway === undefined) throw new Error('no gateway');
    return gateway;
  };

  beforeAll(async () => {
    legacy = await startLegacyApi({ port: 0 });
    for (let count = 0; count < replicas; count += 1)
      gateways.push(
        await startTestGateway({
          ...tokenGatewayConfig(legacy.url),
          trustedProxies: [],
          limits: { failedCredentials: '200/min' },
          ...(redisUrl !== undefined && {
            store: { redis: { url: redisUrl() } },
            encryptionKeys: [{ id: 'e1', key: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }],
          }),
        }),
      );
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await legacy.close();
  });

  async function post(
    path: string,
    parameters: Record<string, string>,
    as: string | undefined,
    options: { readonly on?: number; readonly query?: string; readonly fields?: Record<string, string> } = {},
  ): Promise<Told> {
    const answer = await fetch(`http://127.0.0.1:${at(options.on ?? 0).port}${path}${options.query ?? ''}`, {
      method: 'POST',
      headers: {
        ...(as !== undefined && { authorization: basicOf(as, secretOf(as)) }),
        ...options.fields,
      },
      body: new URLSearchParams(parameters),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      headers: answer.headers,
    };
  }

  const logIn = (as = 'old', on = 0) => post('/oauth/token', { ...ANNA, tenant: 'acme' }, as, { on });

  async function call(accessToken: string, on = 0, host = 'gw.test') {
    const answer = await at(on).raw(
      `GET /api/me HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${accessToken}\r\nConnection: close\r\n\r\n`,
    );
    const code = /"code":"([a-z_]+)"/.exec(answer.body.toString())?.[1];
    return code ?? answer.status;
  }

  it('a user who logged in calls the API through every gateway, as the upstream knows her', async () => {
    const login = await logIn();
    for (const on of gateways.keys()) expect(await call(token(login), on)).toBe(200);
    const names = legacy
      .received()
      .at(-1)
      ?.fields.map(([name]) => name.toLowerCase());
    expect(names).toContain('cookie');
    expect(names).not.toContain('authorization');
  });

  it.each(['old', 'jwt'])(
    'O20: a token of %s that one gateway revokes is refused by all within maxLag, remembered or not',
    async (as) => {
      const times: number[] = [];
      for (let round = 0; round < 20; round += 1) {
        const login = await logIn(as, round);
        for (const on of gateways.keys()) expect(await call(token(login), on)).toBe(200);
        const revoked = round % 2 === 0 ? token(login) : token(login, 'refresh_token');
        expect((await post('/oauth/revoke', { token: revoked }, as, { on: round })).status).toBe(200);
        const start = performance.now();
        for (const on of gateways.keys())
          await eventually(async () => (await call(token(login), on)) !== 200, 'the refusal');
        times.push(performance.now() - start);
      }
      const slowest = Math.max(...times);
      console.log(`revoked on ${replicas} gateway(s): slowest of ${times.length} ${slowest.toFixed(0)} ms`);
      expect(slowest).toBeLessThan(MAX_LAG);
    },
  );

  it('O07: of 50 refreshes at once, spread over the gateways, all get one answer, 20 times', {
    timeout: 60_000,
  }, async () => {
    let refreshToken = token(await logIn(), 'refresh_token');
    for (let round = 0; round < 20; round += 1) {
      const parameters = { grant_type: 'refresh_token', refresh_token: refreshToken };
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, on) => post('/oauth/token', parameters, 'old', { on })),
      );
      expect(new Set(answers.map(({ json }) => JSON.stringify(json))).size).toBe(1);
      const [first] = answers;
      if (first === undefined || first.status !== 200) throw new Error('no answer');
      expect(await call(token(first), round)).toBe(200);
      refreshToken = token(first, 'refresh_token');
    }
  });

  it('O25: a token of one tenant is of no use on the host of another', async () => {
    const login = await logIn();
    expect(await call(token(login), 0, 'acme.gw.test')).toBe(200);
    expect(await call(token(login), 0, 'globex.gw.test')).toBe('tenant_mismatch');
  });

  it('O23: a client of the store that an administrator removes has no tokens any more, on no gateway', async () => {
    const details = { id: 'batch', grants: ['client_credentials'], tenants: ['acme'] };
    const made = await at(0).admin<Readonly<Record<string, unknown>>>('POST', '/v1/clients', details);
    const secret = /ghc_[0-9A-Za-z]{43}/.exec(JSON.stringify(made))?.[0] ?? '';
    const fields = { authorization: basicOf('batch', secret) };
    const grant = { grant_type: 'client_credentials' };
    await eventually(
      async () => (await post('/oauth/token', grant, undefined, { on: 1, fields })).status === 200,
      'the client on the other gateway',
    );
    const login = await post('/oauth/token', grant, undefined, { on: 1, fields });
    // 401 of the upstream, which knows no user here: the gateway itself has let it pass.
    for (const on of gateways.keys()) expect(await call(token(login), on)).toBe(401);
    await at(0).admin('DELETE', '/v1/clients/batch');
    for (const on of gateways.keys())
      await eventually(async () => (await call(token(login), on)) === 'credential_revoked', 'the refusal');
    const again = await post('/oauth/token', grant, undefined, { on: 1, fields });
    expect([again.status, again.json['error']]).toEqual([401, 'invalid_client']);
  });

  it('O11, O17: nothing is read from a query, and no method but POST is answered', async () => {
    const query = `?client_id=erp&client_secret=${secretOf('erp')}&grant_type=client_credentials`;
    const asked = await post('/oauth/token', {}, undefined, { query });
    expect([asked.status, asked.json['error']]).toEqual([400, 'invalid_request']);
    expect(asked.headers.get('cache-control')).toBe('no-store');
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect((await fetch(`http://127.0.0.1:${at(0).port}/oauth/token`, { method })).status).toBe(405);
    expect(at(0).log()).not.toContain(secretOf('erp'));
  });

  it('O26: publishes public members of the keys of access tokens, with use, alg and kid', async () => {
    await post('/oauth/token', { grant_type: 'client_credentials', tenant: 'acme' }, 'jwt');
    const answer = await fetch(`http://127.0.0.1:${at(0).port}/.well-known/jwks.json`);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    const { keys } = (await answer.json()) as { readonly keys: readonly object[] };
    expect(keys).toHaveLength(2);
    for (const key of keys)
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  it('L05: wrong secrets are counted for the real peer, whatever X-Forwarded-For says', async () => {
    const wrong = { grant_type: 'client_credentials', client_id: 'erp', client_secret: 'wrong' };
    const statuses = await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const fields = { 'x-forwarded-for': `198.51.100.${index % 250}` };
        return (await post('/oauth/token', wrong, undefined, { fields })).status;
      }),
    );
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(100);
    const refused = await post('/oauth/token', { grant_type: 'client_credentials' }, 'erp');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });
}
