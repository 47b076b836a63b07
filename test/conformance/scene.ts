import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { eventually } from '../support/authentication.ts';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { tlsListener } from '../support/http2-client.ts';
import { type LegacyLogin, startLegacyLogin } from '../support/legacy-login.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { startRedis } from '../support/redis.ts';
import { startTcpRelay } from '../support/tcp-relay.ts';
import { cookieOf, MEANT } from '../support/users-scene.ts';
import { wire } from '../support/wire.ts';
import { type Credentials, makeCredentials } from './credentials.ts';
import { conformanceConfig, startTokenIssuer } from './gateway-config.ts';

export const SIGNATURE_SECRET = 'a-signature-secret-of-more-than-32-bytes';
/** After which the credentials that are to be expired are. */
const LONG = 2 * 60 * 60_000;
/** Longer than the gateways go on without hearing of their store. */
const LATE = 60_000;

/** The part of the configuration that cookbook and recipes show. */
export const RECIPE = parse(
  readFileSync(path.resolve(import.meta.dirname, '../../deploy/recipes/gatehouse.yaml'), 'utf8'),
) as ConfigObject;

/** Two gateways over one store, one that forwards and one that is asked, and an upstream that records. */
export interface ConformanceScene {
  /** Forwards by itself. */
  readonly proxying: TestGateway;
  /** Forwards too, and speaks HTTP/2 over TLS. */
  readonly speaking: TestGateway;
  /** Certificate of whoever issued that of `speaking`. */
  readonly ca: string;
  /** Is asked by other proxies. */
  readonly asked: TestGateway;
  readonly upstream: LegacyLogin;
  readonly credentials: Credentials;
  /** Milliseconds since the epoch, as the gateways see it. */
  readonly clock: () => number;
  /** Nobody reaches the store any more. */
  readonly loseStore: () => void;
  stop(): Promise<void>;
}

export async function openConformanceScene(): Promise<ConformanceScene> {
  let offset = 0;
  const clock = () => Date.now() + offset;
  const [redis, upstream, issuer] = await Promise.all([startRedis(), startLegacyLogin(), startTokenIssuer()]);
  const relay = await startTcpRelay(redis.port);
  const options = { clock, env: { SIGNATURE_SECRET } };
  const base = conformanceConfig({
    redisPort: relay.port,
    target: upstream.origin,
    issuer: issuer.url,
    recipe: RECIPE,
  });
  const listen = { public: '127.0.0.1:0', admin: '127.0.0.1:0', ops: '127.0.0.1:0' };
  const proxying = await startTestGateway({ ...base, listen }, options);
  const tls = tlsListener();
  const speaking = await startTestGateway({ ...base, listen: tls.listen }, { ...options, files: tls.files });
  const asked = await startTestGateway(
    {
      ...base,
      listen: {
        ...listen,
        forwardAuth: { address: '127.0.0.1:0', grpc: '127.0.0.1:0', peers: ['127.0.0.1/32'] },
      },
      trustedProxies: ['127.0.0.1/32'],
    },
    options,
  );
  // What a HEAD is answered has no body.
  upstream.answers('HEAD /api/orders/1', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n');
  upstream.answers('HEAD /status', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n');

  const credentials = await makeCredentials({
    proxying,
    issuer,
    clock,
    async logIn() {
      const body = JSON.stringify({ client_id: 'web-app', username: 'anna', password: 'acme-anna-pw' });
      const framing = ['Content-Type: application/json', `Content-Length: ${body.length}`];
      const message = wire('POST /session', [...MEANT, ...framing], { host: 'acme.gw.test', body });
      return cookieOf(await exchangeRaw(proxying.port, message), '__Host-gatehouse');
    },
    async outlive() {
      offset += LONG;
      // The one that speaks HTTP/2 alone is on the same clock.
      for (const gateway of [proxying, asked])
        await eventually(
          async () =>
            (await gateway.raw(wire('GET /session', ['Cookie: __Host-gatehouse=x']))).status === 401,
          'a gateway that knows its store',
        );
    },
  });
  return {
    proxying,
    speaking,
    ca: tls.authority.ca,
    asked,
    upstream,
    credentials,
    clock,
    loseStore() {
      relay.cut();
      offset += LATE;
    },
    async stop() {
      await Promise.all([proxying.stop(), speaking.stop(), asked.stop()]);
      tls.authority.remove();
      await Promise.all([relay.close(), redis.stop(), upstream.close(), issuer.close()]);
    },
  };
}
