import { createSecretKey } from 'node:crypto';
import pino from 'pino';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { EndedSessionsView } from '../../src/admin/schemas/sessions.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { NewSession, SessionService } from '../../src/sessions/session-service.ts';
import { createSessionService } from '../../src/sessions/sessions.ts';
import { openRedisStore } from '../../src/stores/redis/redis-store.ts';
import { aLogin } from '../sessions/scene.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { type RunningRedis, redisMissing, redisSettings, startRedis } from '../support/redis.ts';
import { outcomeOf, wire } from '../support/wire.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const ENCRYPTION_KEY = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startReplica(redis: RunningRedis, upstream: RawUpstream): Promise<TestGateway> {
  const gateway = await startTestGateway({
    store: { redis: { url: redis.url } },
    encryptionKeys: [{ id: 'e1', key: ENCRYPTION_KEY }],
    tenants: { acme: { hosts: ['acme.gw.test'] } },
    upstreams: { api: { targets: [upstream.origin] } },
    login: {
      main: {
        upstream: 'api',
        request: { path: '/login', json: { user: '{username}', password: '{password}' } },
        user: { id: '/id' },
      },
    },
    routes: [{ id: 'api', match: { path: '/api/**' }, accept: ['session', 'apiKey'], upstream: 'api' }],
  });
  closers.push(() => gateway.stop());
  return gateway;
}

/** Begins sessions as the replicas would after a login. */
async function openService(redis: RunningRedis): Promise<SessionService> {
  const log = pino({ level: 'silent' });
  const stores = await openRedisStore({ settings: redisSettings(redis), clock: systemClock, log });
  closers.push(() => stores.close());
  const key = createSecretKey(Buffer.from(ENCRYPTION_KEY, 'base64'));
  return createSessionService({
    sessions: stores.sessions,
    encryptionKeys: [{ id: 'e1', key }],
    clock: systemClock,
    log,
  });
}

async function logIn(service: SessionService, members: Partial<NewSession> = {}) {
  const { session, cookie } = await service.begin(
    aLogin({
      login: 'main',
      subject: 'user:main:acme:4711',
      tenants: [aLogin().tenant],
      client: 'client:web-app',
      host: 'acme.gw.test',
      ...members,
    }),
  );
  return { id: session.id, cookie: cookie?.reveal() ?? '' };
}

async function outcomeWith(gateway: TestGateway, field: string): Promise<string> {
  return outcomeOf(await gateway.raw(wire('GET /api/orders', [field], { host: 'acme.gw.test' })));
}

const outcome = (gateway: TestGateway, { cookie }: { readonly cookie: string }): Promise<string> =>
  outcomeWith(gateway, `Cookie: __Host-gatehouse=${cookie}`);

describe.skipIf(redisMissing)(`sessions on two replicas ${redisMissing ?? ''}`, () => {
  it.each([
    ['one', undefined],
    ['all of a user', { subject: 'user:main:acme:4711' }],
    ['all of a client', { client: 'client:web-app' }],
    ['all of a tenant', { tenant: 'acme' }],
  ] as const)(
    'that are ended by an administrator, %s, pass neither of them, while a later login and the API key of the tenant do',
    async (_name, owner) => {
      const redis = await startRedis();
      onTestFinished(() => redis.stop());
      const upstream = await startRawUpstream(OK);
      closers.push(() => upstream.close());
      const [one, other] = [await startReplica(redis, upstream), await startReplica(redis, upstream)];
      await one.admin('POST', '/v1/clients', {
        id: 'web-app',
        isPublic: true,
        tenants: 'any',
        login: 'main',
        browserSession: true,
      });
      const { key } = await one.issueKey('acme');
      const service = await openService(redis);
      const sessions = [await logIn(service), await logIn(service)] as const;
      // Both replicas remember the cookies by then.
      for (const gateway of [one, other])
        for (const session of sessions) await expect.poll(() => outcome(gateway, session)).toBe('200');

      const ended = owner === undefined ? sessions.slice(0, 1) : sessions;
      if (owner === undefined) await one.admin('DELETE', `/v1/sessions/${sessions[0].id}`);
      else {
        const answer = await one.admin<EndedSessionsView>('POST', '/v1/sessions/end', owner);
        expect(answer.ended).toBe(2);
      }
      for (const session of ended) {
        expect(await outcome(one, session)).toMatch(/^401 credential_(revoked|invalid)$/);
        await expect.poll(() => outcome(other, session)).toMatch(/^401 credential_(revoked|invalid)$/);
      }
      const later = await logIn(service);
      for (const gateway of [one, other]) {
        expect(await outcome(gateway, later)).toBe('200');
        expect(await outcomeWith(gateway, `X-API-Key: ${key}`)).toBe('200');
        if (owner === undefined) expect(await outcome(gateway, sessions[1])).toBe('200');
      }
    },
  );
});
