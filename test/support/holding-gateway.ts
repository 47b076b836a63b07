import type { Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ConfigObject, startTestGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts';
import { type RawUpstream, startRawUpstream } from './raw-upstream.ts';

export interface HoldingGateway {
  readonly gateway: TestGateway;
  readonly upstream: RawUpstream;
  /** Requests that wait for their answer. */
  readonly held: Socket[];
}

/** A gateway whose upstream answers everything but `/slow`. Ends with the test. */
export async function startHoldingGateway(
  changes: ConfigObject,
  options: TestGatewayOptions,
): Promise<HoldingGateway> {
  const held: Socket[] = [];
  const upstream = await startRawUpstream((socket, request) => {
    if (request.startLine.includes('/slow')) held.push(socket);
    else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
  const gateway = await startTestGateway(
    {
      upstreams: { api: { targets: [upstream.origin] } },
      routes: [{ id: 'all', match: { path: '/**' }, public: true, upstream: 'api' }],
      ...changes,
    },
    options,
  );
  onTestFinished(async () => {
    await gateway.stop();
    await upstream.close();
  });
  return { gateway, upstream, held };
}
