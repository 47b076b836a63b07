import { onTestFinished } from 'vitest';
import { startTestGateway, type TestGateway } from './gateway.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { type RawHandler, type RawUpstream, startRawUpstream } from './raw-upstream.ts';
import { HANDSHAKE, webSocketConfig } from './web-socket-scene.ts';

/** The answer to `HANDSHAKE`. */
export const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n';

/** A WebSocket with bare TCP on both sides of the gateway. */
export interface RawTunnel {
  readonly gateway: TestGateway;
  readonly client: RawClient;
  readonly upstream: RawUpstream;
  /** Writes from the upstream towards the client. */
  readonly answer: (bytes: Buffer | string) => void;
  /** Bytes behind the heads. */
  readonly atClient: () => Buffer;
  readonly atUpstream: () => Buffer;
  /** Revokes the key that it was opened with. */
  readonly revoke: () => Promise<unknown>;
  /** Replaces it, without a time in which both are accepted. */
  readonly replace: () => Promise<unknown>;
}

/** The client has sent its handshake, the upstream has got it, and `handler` answers it. Ends with the test. */
export async function rawTunnel(
  handler: RawHandler = (socket) => void socket.write(SWITCH, 'latin1'),
): Promise<RawTunnel> {
  const upstream = await startRawUpstream(handler);
  const gateway = await startTestGateway(webSocketConfig(upstream.origin));
  const { key, id } = await gateway.issueKey('acme');
  const client = await connectRaw(gateway.port);
  onTestFinished(async () => {
    client.close();
    await gateway.stop();
    await upstream.close();
  });
  const fields = Object.entries({ Host: 'gw.test', 'X-API-Key': key, ...HANDSHAKE });
  const lines = fields.map(([name, value]) => `${name}: ${value}`);
  client.send(['GET /live/raw HTTP/1.1', ...lines, '', ''].join('\r\n'));
  await upstream.request(0);
  const connection = upstream.connections[0];
  if (connection === undefined) throw new Error('no connection');
  return {
    gateway,
    client,
    upstream,
    answer: (bytes) => void connection.socket.write(bytes),
    atClient: () => behind(client.received()),
    atUpstream: () => behind(connection.received),
    revoke: () => gateway.admin('POST', `/v1/keys/${id}/revoke`),
    replace: () => gateway.admin('POST', `/v1/keys/${id}/rotate`, { overlap: '1ms' }),
  };
}

function behind(bytes: Buffer): Buffer {
  return bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);
}
