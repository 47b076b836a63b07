import { describe, expect, it } from 'vitest';
import type { RawClient } from '../support/raw-client.ts';
import { type SlowScene, slowScene } from '../support/slow-clients.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const GET = 'GET /slow/x HTTP/1.1\r\nHost: gw.test\r\n\r\n';

/** How many of these connections are answered. */
async function answered(clients: readonly RawClient[]): Promise<number> {
  const outcomes = await Promise.all(
    clients.map((client) => {
      client.send(GET);
      return client
        .until((text) => text.endsWith('ok'))
        .then(
          () => 1,
          () => 0,
        );
    }),
  );
  return outcomes.reduce<number>((sum, each) => sum + each, 0);
}

function connectAll(scene: SlowScene, count: number): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: count }, () => scene.connect()));
}

describe('connections of clients', () => {
  it('over limits.connections are closed before anything is read; there is room again when others go', async () => {
    const scene = await slowScene({ limits: { connections: 6, connectionsPerPeer: 6 }, handler: OK });
    const clients = await connectAll(scene, 6);
    expect(await answered(clients)).toBe(6);
    expect(await answered(await connectAll(scene, 4))).toBe(0);
    expect(await scene.cut('connections')).toBe(4);
    expect(scene.upstream.requests).toHaveLength(6);
    for (const client of clients.slice(0, 2)) client.close();
    await expect.poll(async () => answered(await connectAll(scene, 1))).toBe(1);
  });

  it.each([['http'], ['https']])(
    'of one address are closed over limits.connectionsPerPeer (%s)',
    async (scheme) => {
      const scene = await slowScene({
        limits: { connections: 100, connectionsPerPeer: 3 },
        handler: OK,
        isTls: scheme === 'https',
      });
      const clients = await connectAll(scene, 5);
      const [refused] = await Promise.all(clients.slice(3).map((client) => client.closed()));
      expect(['ended', 'reset']).toContain(refused);
      expect(await scene.cut('connections_per_peer')).toBe(2);
      for (const client of clients.slice(0, 3)) expect(client.socket.closed).toBe(false);
      clients[0]?.close();
      await expect
        .poll(async () => {
          const next = await scene.connect();
          await new Promise((resolve) => setTimeout(resolve, 20));
          return next.socket.closed;
        })
        .toBe(false);
    },
  );

  it('of one address are at most half of all, unless told otherwise', async () => {
    const scene = await slowScene({ limits: { connections: 8 }, handler: OK });
    expect(await answered(await connectAll(scene, 6))).toBe(4);
  });

  it('of a trusted proxy, behind which there are many, may be all there are', async () => {
    const scene = await slowScene({
      limits: { connections: 8, connectionsPerPeer: 1 },
      handler: OK,
      config: { trustedProxies: ['127.0.0.1/32'] },
    });
    expect(await answered(await connectAll(scene, 8))).toBe(8);
  });
});
