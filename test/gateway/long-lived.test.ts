import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/authentication.ts';
import { signToken, startIssuer } from '../support/issuer.ts';
import {
  closingOf,
  type WebSocketScene,
  webSocketConfig,
  webSocketScene,
} from '../support/web-socket-scene.ts';

/** From the change to the close. */
const BOUND = 1_000;

const TAKEN_BACK: readonly (readonly [string, string, (scene: WebSocketScene) => Promise<unknown>])[] = [
  [
    'its key is revoked',
    'credential_revoked',
    ({ gateway, key }) => gateway.admin('POST', `/v1/keys/${key.id}/revoke`),
  ],
  [
    'its tenant is revoked',
    'credential_revoked',
    ({ gateway }) => gateway.admin('POST', '/v1/revocations', { target: { kind: 'tenant', tenant: 'acme' } }),
  ],
  [
    'all that was issued before now is revoked',
    'credential_revoked',
    ({ gateway }) =>
      gateway.admin('POST', '/v1/revocations', {
        target: { kind: 'tenant', tenant: 'acme' },
        issuedBefore: new Date().toISOString(),
      }),
  ],
  [
    'its tenant is suspended',
    'tenant_suspended',
    ({ gateway }) => gateway.admin('POST', '/v1/tenants/acme/suspend'),
  ],
  [
    'its tenant is suspended in the configuration',
    'tenant_suspended',
    ({ gateway, upstream }) => {
      const tenants = { acme: { status: 'suspended' }, globex: {} };
      gateway.writeConfig(webSocketConfig(upstream.origin, { tenants }));
      return gateway.gateway.reload();
    },
  ],
  [
    'its tenant is taken out of the configuration',
    'tenant_mismatch',
    ({ gateway, upstream }) => {
      gateway.writeConfig(webSocketConfig(upstream.origin, { tenants: { globex: {} } }));
      return gateway.gateway.reload();
    },
  ],
  [
    'its key is replaced without an overlap',
    'credential_expired',
    ({ gateway, key }) => gateway.admin('POST', `/v1/keys/${key.id}/rotate`, { overlap: '1ms' }),
  ],
];

describe('within a second a WebSocket is closed on both sides when', () => {
  it.each(TAKEN_BACK)('%s', async (_, code, takeBack) => {
    const scene = await webSocketScene();
    const { gateway, upstream, open } = scene;
    const other = await open({ key: (await gateway.issueKey('globex')).key });
    const socket = await open({ path: '/live/cut' });
    const closing = closingOf(socket);
    await takeBack(scene);
    const { milliseconds, ...close } = await closing;
    expect(close).toEqual({ code: 1008, reason: code });
    expect(milliseconds).toBeLessThan(BOUND);
    await eventually(() => upstream.closings.includes(`1008 ${code}`), 'the close at the upstream');
    const record = await gateway.audited(({ path }) => path === '/live/cut');
    expect(record).toMatchObject({ decision: 'denied', code, status: 101, tenant: 'acme' });
    other.send('untouched');
    expect(String(((await once(other, 'message')) as [Buffer])[0])).toBe('untouched');
    const reason =
      code === 'credential_revoked' ? 'revoked' : code === 'credential_expired' ? 'expired' : 'tenant';
    expect(await gateway.metrics()).toContain(
      `gatehouse_long_lived_connections_closed_total{kind="websocket",reason="${reason}"} 1`,
    );
  });

  it.each([
    ['its token is revoked', { kind: 'token', issuer: 'idp', jti: 'j1' }],
    ['the subject of its token is revoked', { kind: 'subject', subject: 'user:idp:ann' }],
    ['the client of its token is revoked', { kind: 'client', client: 'client:idp:app' }],
  ])('%s', async (_, target) => {
    const { gateway, open, tokenFor } = await tokenScene();
    const socket = await open({ key: undefined, fields: { Authorization: `Bearer ${await tokenFor(60)}` } });
    const closing = closingOf(socket);
    await gateway.admin('POST', '/v1/revocations', { target });
    const { milliseconds, ...close } = await closing;
    expect(close).toEqual({ code: 1008, reason: 'credential_revoked' });
    expect(milliseconds).toBeLessThan(BOUND);
  });

  it('its token expires', async () => {
    const { open, tokenFor } = await tokenScene();
    const expiresAt = (Math.floor(Date.now() / 1000) + 2) * 1000;
    const socket = await open({ key: undefined, fields: { Authorization: `Bearer ${await tokenFor(2)}` } });
    expect(await closingOf(socket)).toMatchObject({ code: 1008, reason: 'credential_expired' });
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt);
    expect(Date.now()).toBeLessThan(expiresAt + 1_000 + BOUND);
  });

  it('its key expires', async () => {
    const { gateway, open } = await webSocketScene();
    const expiresAt = Date.now() + 1_500;
    const { key } = await gateway.issueKey('acme', { expiresAt: new Date(expiresAt).toISOString() });
    const close = await closingOf(await open({ key }));
    expect(close).toMatchObject({ code: 1008, reason: 'credential_expired' });
    expect(Date.now()).toBeLessThan(expiresAt + BOUND);
  });
});

/** A scene with an issuer `idp`, whose tokens for ann through app have the jti j1. */
async function tokenScene(): Promise<
  WebSocketScene & { readonly tokenFor: (seconds: number) => Promise<string> }
> {
  const issuer = await startIssuer();
  onTestFinished(() => issuer.close());
  const signing = await issuer.newKey('ES256', 'k');
  const scene = await webSocketScene({
    config: (origin) =>
      webSocketConfig(origin, {
        tenants: { acme: { issuers: ['idp'] } },
        issuers: {
          idp: {
            issuer: issuer.url,
            audience: 'api',
            keys: { jwksUri: `${issuer.url}/jwks` },
            tenant: { fixed: 'acme' },
            clockTolerance: '0s',
          },
        },
      }),
  });
  return {
    ...scene,
    tokenFor(seconds) {
      const iat = Math.floor(Date.now() / 1000);
      const claims = { iss: issuer.url, aud: 'api', sub: 'ann', client_id: 'app', jti: 'j1' };
      return signToken(signing, { ...claims, iat, exp: iat + seconds });
    },
  };
}

async function stream({ gateway, key }: WebSocketScene): Promise<IncomingMessage> {
  const request = get({
    host: '127.0.0.1',
    port: gateway.port,
    path: '/live/events',
    headers: { 'X-API-Key': key.key },
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  onTestFinished(() => void response.destroy());
  response.setEncoding('utf8');
  await once(response, 'data');
  return response;
}

describe('an event stream', () => {
  it('ends within a second when its key is revoked, on both sides', async () => {
    const scene = await webSocketScene();
    const { gateway, key, upstream } = scene;
    const response = await stream(scene);
    expect(await gateway.metrics()).toContain('gatehouse_long_lived_connections{kind="event_stream"} 1');
    const ended = once(response, 'end');
    const began = performance.now();
    await gateway.admin('POST', `/v1/keys/${key.id}/revoke`);
    await ended;
    expect(performance.now() - began).toBeLessThan(BOUND);
    expect(response.complete).toBe(true);
    await eventually(() => upstream.closings.includes('stream'), 'the end at the upstream');
    expect(await gateway.audited(({ path }) => path === '/live/events')).toMatchObject({
      decision: 'denied',
      code: 'credential_revoked',
      status: 200,
    });
    expect(await gateway.metrics()).toContain('gatehouse_long_lived_connections{kind="event_stream"} 0');
  });

  it('is let go of when its client leaves', async () => {
    const scene = await webSocketScene();
    const response = await stream(scene);
    response.destroy();
    await eventually(() => scene.upstream.closings.includes('stream'), 'the end at the upstream');
    expect(await scene.gateway.metrics()).toContain(
      'gatehouse_long_lived_connections_closed_total{kind="event_stream",reason="client"} 1',
    );
  });

  it('ends when the gateway stops, before the drain is over', async () => {
    const scene = await webSocketScene({
      config: (origin) => webSocketConfig(origin, { shutdown: { drain: '8s' } }),
    });
    const response = await stream(scene);
    const began = performance.now();
    const ended = once(response, 'end');
    await scene.gateway.gateway.stop();
    await ended;
    expect(performance.now() - began).toBeLessThan(3_000);
  });
});

describe('L10 when the gateway stops', () => {
  it('every WebSocket gets 1001 at once, and the drain does not wait for it', async () => {
    const { gateway, upstream, open } = await webSocketScene({
      config: (origin) => webSocketConfig(origin, { shutdown: { drain: '8s' } }),
    });
    const sockets = await Promise.all([open(), open(), open()]);
    const closings = sockets.map(closingOf);
    const began = performance.now();
    await gateway.gateway.stop();
    expect(performance.now() - began).toBeLessThan(3_000);
    for (const { code, milliseconds } of await Promise.all(closings)) {
      expect(code).toBe(1001);
      expect(milliseconds).toBeLessThan(BOUND);
    }
    await eventually(() => upstream.closings.length === 3, 'the closes at the upstream');
    expect(upstream.closings).toEqual(['1001', '1001', '1001']);
    expect(gateway.log()).not.toContain('were cut');
  });
});
