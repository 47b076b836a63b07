import { onTestFinished } from 'vitest';
import { type ConfigObject, startTestGateway, type TestGateway } from './gateway.ts';
import { tlsListener } from './http2-client.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { type RawHandler, type RawUpstream, startRawUpstream } from './raw-upstream.ts';

/** A gateway with a public route to one upstream. Ends with the test. */
export interface SlowScene {
  readonly gateway: TestGateway;
  readonly upstream: RawUpstream;
  /** A bare connection, which ends with the test. */
  readonly connect: () => Promise<RawClient>;
  /** Value of `gatehouse_connections_cut_total` for this cause. */
  readonly cut: (cause: string) => Promise<number>;
}

export interface SlowSceneOptions {
  readonly limits: ConfigObject;
  readonly handler: RawHandler | string;
  /** Of the route. */
  readonly route?: ConfigObject;
  readonly config?: ConfigObject;
  /** TLS, so that clients may choose HTTP/2. */
  readonly isTls?: boolean;
}

export async function slowScene(options: SlowSceneOptions): Promise<SlowScene> {
  const { limits, handler, route = {}, config = {}, isTls = false } = options;
  const upstream = await startRawUpstream(handler);
  const tls = isTls ? tlsListener() : undefined;
  const gateway = await startTestGateway(
    {
      ...(tls !== undefined && { listen: tls.listen }),
      upstreams: { api: { targets: [upstream.origin] } },
      routes: [{ id: 'slow', match: { path: '/slow/**' }, public: true, upstream: 'api', ...route }],
      limits,
      ...config,
    },
    tls === undefined ? {} : { files: tls.files },
  );
  onTestFinished(async () => {
    await gateway.stop();
    await upstream.close();
    tls?.authority.remove();
  });
  return {
    gateway,
    upstream,
    async connect() {
      const client = await connectRaw(gateway.port);
      onTestFinished(() => client.close());
      return client;
    },
    async cut(cause) {
      const value = new RegExp(`^gatehouse_connections_cut_total\\{cause="${cause}"\\} (\\d+)$`, 'm').exec(
        await gateway.metrics(),
      )?.[1];
      return Number(value ?? 0);
    },
  };
}

/** Calls again and again until the test is over. */
export function drip(everyMilliseconds: number, act: () => void): () => void {
  const timer = setInterval(act, everyMilliseconds);
  const stop = () => clearInterval(timer);
  onTestFinished(stop);
  return stop;
}
