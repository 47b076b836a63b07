import { afterEach, describe, expect, it } from 'vitest';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import type { RawAnswer } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/redis.ts';
import { outcomeOf, wire } from '../support/wire.ts';

const START = Date.UTC(2030, 0, 1);
/** The upstream has limits of its own, of which nobody is to hear on limited routes. */
const ANSWER =
  'HTTP/1.1 200 OK\r\nRateLimit: "own";r=1;t=1\r\nratelimit-policy: "own";q=1;w=1\r\nContent-Length: 2\r\n\r\nok';

let upstream: RawUpstream;
let gateway: TestGateway;
let now = START;

afterEach(async () => {
  await gateway.stop();
  await upstream.close();
});

/** A gateway with these limits, and a route `/api/**` for keys with limits of its own. */
async function start(
  config: { readonly limits?: ConfigObject; readonly tenants?: ConfigObject; readonly more?: ConfigObject },
  route: ConfigObject = {},
): Promise<void> {
  now = START;
  upstream = await startRawUpstream(ANSWER);
  gateway = await startTestGateway(
    {
      trustedProxies: ['127.0.0.1/32'],
      limits: config.limits ?? {},
      tenants: { acme: {}, globex: {}, ...config.tenants },
      upstreams: { api: { targets: [upstream.origin] } },
      routes: [
        { id: 'api', match: { path: '/api/**' }, accept: ['apiKey'], upstream: 'api', ...route },
        { id: 'other', match: { path: '/other/**' }, accept: ['apiKey'], upstream: 'api' },
        { id: 'open', match: { path: '/open/**' }, public: true, upstream: 'api' },
      ],
      ...config.more,
    },
    { clock: () => now },
  );
}

const ask = (path: string, key?: string, from?: string): Promise<RawAnswer> =>
  gateway.raw(
    wire(`GET ${path}`, [
      ...(key === undefined ? [] : [`X-API-Key: ${key}`]),
      ...(from === undefined ? [] : [`X-Forwarded-For: ${from}`]),
    ]),
  );
const keyOf = async (tenant = 'acme') => (await gateway.issueKey(tenant)).key;

function routeWith(limits: ConfigObject): ConfigObject {
  return { id: 'api', match: { path: '/api/**' }, accept: ['apiKey'], upstream: 'api', limits };
}

describe('a rate limit', () => {
  it('admits its count, refuses the next with 429 and the time to wait, and admits again when that is over', async () => {
    await start({}, { limits: { perPrincipal: '3/min' } });
    const key = await keyOf();
    for (const left of [2, 1, 0]) {
      const answer = await ask('/api/x', key);
      expect(outcomeOf(answer)).toBe('200');
      expect(answer.fields.filter(([name]) => /^ratelimit/i.test(name))).toEqual([
        ['RateLimit-Policy', '"route-principal";q=3;w=60'],
        ['RateLimit', `"route-principal";r=${left};t=${left === 2 ? 20 : left === 1 ? 40 : 20}`],
      ]);
    }
    const refused = await ask('/api/x', key);
    expect(outcomeOf(refused)).toBe('429 rate_limited');
    expect(refused.field('retry-after')).toBe('20');
    expect(refused.field('ratelimit-policy')).toBe('"route-principal";q=3;w=60');
    expect(refused.field('ratelimit')).toBe('"route-principal";r=0;t=20');
    expect(upstream.requests).toHaveLength(3);
    expect(await gateway.auditOf(refused)).toMatchObject({
      decision: 'denied',
      code: 'rate_limited',
      reason: 'over the limit "route-principal": 3 in 60 s',
      route: 'api',
    });
    expect(await gateway.metrics()).toContain(
      'gatehouse_rate_limited_total{limit="route-principal",route="api"} 1',
    );
    now += 19_999;
    expect(outcomeOf(await ask('/api/x', key))).toBe('429 rate_limited');
    now += 1;
    expect(outcomeOf(await ask('/api/x', key))).toBe('200');
    expect(outcomeOf(await ask('/api/x', key))).toBe('429 rate_limited');
  });

  it('of a principal holds for nobody else, and over all routes where it is of all', async () => {
    await start({ limits: { perPrincipal: '2/h' } }, { limits: { perPrincipal: '1/h' } });
    const [key, other] = [await keyOf(), await keyOf()];
    expect(outcomeOf(await ask('/api/x', key))).toBe('200');
    const second = await ask('/api/x', key);
    expect(outcomeOf(second)).toBe('429 rate_limited');
    expect(second.field('ratelimit')).toBe('"principal";r=1;t=1800, "route-principal";r=0;t=3600');
    // The refused request was not counted by the limit that still had one.
    expect(outcomeOf(await ask('/other/x', key))).toBe('200');
    expect(outcomeOf(await ask('/other/x', key))).toBe('429 rate_limited');
    expect(outcomeOf(await ask('/api/x', other))).toBe('200');
  });

  it('of a tenant holds for all its keys together, and a tenant may have one of its own', async () => {
    await start({
      limits: { perTenant: '1/h' },
      tenants: { globex: { limits: { requests: '2/h' } } },
    });
    expect(outcomeOf(await ask('/api/x', await keyOf()))).toBe('200');
    expect(outcomeOf(await ask('/api/x', await keyOf()))).toBe('429 rate_limited');
    const answer = await ask('/api/x', await keyOf('globex'));
    expect(answer.field('ratelimit-policy')).toBe('"tenant";q=2;w=3600');
    expect(outcomeOf(await ask('/api/x', await keyOf('globex')))).toBe('200');
    expect(outcomeOf(await ask('/api/x', await keyOf('globex')))).toBe('429 rate_limited');
  });

  it('of one tenant alone leaves the others without', async () => {
    await start({ tenants: { globex: { limits: { requests: '1/h' } } } });
    const [acme, globex] = [await keyOf(), await keyOf('globex')];
    expect((await ask('/api/x', acme)).field('ratelimit')).toBe('"own";r=1;t=1');
    expect(outcomeOf(await ask('/api/x', globex))).toBe('200');
    expect(outcomeOf(await ask('/api/x', globex))).toBe('429 rate_limited');
    expect(outcomeOf(await ask('/api/x', acme))).toBe('200');
  });

  it('of a stored tenant is set, changed and taken away by the administration, at once', async () => {
    await start({});
    await gateway.admin('POST', '/v1/tenants', { id: 'initech', requestLimit: '2/h' });
    const key = await keyOf('initech');
    await until('the tenant is known', async () => (await ask('/api/x', key)).status === 200);
    expect((await ask('/api/x', key)).field('ratelimit')).toBe('"tenant";r=0;t=1800');
    expect(outcomeOf(await ask('/api/x', key))).toBe('429 rate_limited');
    const changed = await gateway.admin('PATCH', '/v1/tenants/initech', { requestLimit: '3/h' });
    expect(changed).toMatchObject({ requestLimit: '3/h' });
    await until('the new limit counts', async () => (await ask('/api/x', key)).status === 200);
    expect(outcomeOf(await ask('/api/x', key))).toBe('429 rate_limited');
    expect(await gateway.admin('PATCH', '/v1/tenants/initech', { requestLimit: null })).not.toHaveProperty(
      'requestLimit',
    );
    await until(
      'there is none',
      async () => (await ask('/api/x', key)).field('ratelimit') === '"own";r=1;t=1',
    );
  });

  it('of a route holds for everybody together', async () => {
    await start({}, { limits: { total: '2/h' } });
    expect(outcomeOf(await ask('/api/x', await keyOf()))).toBe('200');
    expect(outcomeOf(await ask('/api/x', await keyOf('globex')))).toBe('200');
    expect(outcomeOf(await ask('/api/x', await keyOf()))).toBe('429 rate_limited');
    expect(outcomeOf(await ask('/other/x', await keyOf()))).toBe('200');
  });

  it('of a peer counts before any credential is looked at, an IPv6 /64 as one, on public routes and endpoints too', async () => {
    await start({ limits: { perPeer: '3/h', failedCredentials: '1000/s' } });
    expect(outcomeOf(await ask('/api/x', 'wrong', '2001:db8::1'))).toBe('401 credential_invalid');
    const open = await ask('/open/x', undefined, '2001:db8::2');
    expect(open.field('ratelimit')).toBe('"peer";r=1;t=2400');
    expect(
      outcomeOf(await ask('/.well-known/oauth-authorization-server', undefined, '2001:db8::3')),
    ).not.toBe('429 rate_limited');
    const key = await keyOf();
    await ask('/api/x', key, '2001:db8::4');
    expect(outcomeOf(await ask('/api/x', key, '2001:db8::ffff'))).toBe('429 rate_limited');
    expect(outcomeOf(await ask('/open/x', undefined, '2001:db8::ffff'))).toBe('429 rate_limited');
    expect(outcomeOf(await ask('/api/x', key, '2001:db8:0:1::1'))).toBe('200');
  });

  it('is not used up by what is refused for another reason', async () => {
    await start({}, { limits: { total: '1/h' }, require: { scopes: ['read'] } });
    expect(outcomeOf(await ask('/api/x', await keyOf()))).toBe('403 insufficient_scope');
    const { key } = await gateway.issueKey('acme', { scopes: ['read'] });
    expect(outcomeOf(await ask('/api/x', key))).toBe('200');
    expect(outcomeOf(await ask('/api/x', key))).toBe('429 rate_limited');
  });

  it('of an observed route is recorded and refuses nobody, there or elsewhere', async () => {
    await start(
      { limits: { perPrincipal: '1/h' } },
      { observe: { until: '2031-01-01' }, limits: { total: '2/h' } },
    );
    const key = await keyOf();
    for (let request = 0; request < 3; request += 1) {
      const answer = await ask('/api/x', key);
      expect(outcomeOf(answer)).toBe('200');
      expect(answer.field('ratelimit')).toBe('"own";r=1;t=1');
    }
    expect(await gateway.audited(({ decision }) => decision === 'observed')).toMatchObject({
      code: 'rate_limited',
    });
    expect(outcomeOf(await ask('/other/x', key))).toBe('200');
  });

  it('survives a reload, and follows it', async () => {
    const config = (limits: ConfigObject): ConfigObject => ({
      tenants: { acme: {} },
      upstreams: { api: { targets: [upstream.origin] } },
      routes: [routeWith(limits)],
    });
    await start({ more: { routes: [routeWith({ perPrincipal: '2/h' })] } });
    const key = await keyOf();
    await ask('/api/x', key);
    await ask('/api/x', key);
    gateway.writeConfig(config({ perPrincipal: '3/h' }));
    await gateway.gateway.reload();
    expect(outcomeOf(await ask('/api/x', key))).toBe('200');
    expect(outcomeOf(await ask('/api/x', key))).toBe('429 rate_limited');
    gateway.writeConfig(config({}));
    await gateway.gateway.reload();
    expect(outcomeOf(await ask('/api/x', key))).toBe('200');
  });

  it('is explained, without being used up', async () => {
    await start({ limits: { perPeer: '100/min' } }, { limits: { perPrincipal: '1/h' } });
    const key = await keyOf();
    const explain = () =>
      gateway.admin<{ decision: string; code: string; steps: { name: string; detail: string }[] }>(
        'POST',
        '/v1/explain',
        { method: 'GET', url: 'http://gw.test/api/x', fields: [['X-API-Key', key]] },
      );
    for (let time = 0; time < 2; time += 1) {
      const { steps } = await explain();
      expect(steps.filter(({ name }) => name === 'limit').map(({ detail }) => detail)).toEqual([
        'peer: 100 in 60 s, 100 left',
        'route-principal: 1 in 3600 s, 1 left',
      ]);
    }
    expect(outcomeOf(await ask('/api/x', key))).toBe('200');
    expect(await explain()).toMatchObject({ decision: 'denied', code: 'rate_limited' });
  });
});
