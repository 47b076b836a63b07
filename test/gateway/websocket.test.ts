import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { webSocketScene } from '../support/web-socket-scene.ts';

describe('a WebSocket', () => {
  it('carries messages of a megabyte both ways, byte for byte', async () => {
    const { open } = await webSocketScene();
    const socket = await open();
    const message = randomBytes(1024 * 1024);
    socket.send(message);
    const [echo] = (await once(socket, 'message')) as [Buffer];
    expect(echo.equals(message)).toBe(true);
  });
});
