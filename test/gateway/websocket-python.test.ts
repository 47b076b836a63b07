import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, describe, expect, it } from 'vitest';
import { createPythonEnvironment } from '../support/python.ts';
import { webSocketScene } from '../support/web-socket-scene.ts';

const python = createPythonEnvironment(['websockets']);
const missing = typeof python === 'string' ? python : undefined;
afterAll(() => {
  if (typeof python === 'object') python.remove();
});

/** A megabyte there and back, compressed, with subprotocols; then it waits for the close and tells its code. */
const CLIENT = `
import asyncio, os, sys, websockets
async def main(url, key):
    headers = {"X-API-Key": key}
    async with websockets.connect(url, additional_headers=headers, subprotocols=["b", "a"], max_size=None) as socket:
        message = os.urandom(1024 * 1024)
        await socket.send(message)
        assert await socket.recv() == message
        text = "é" * 500_000
        await socket.send(text)
        assert await socket.recv() == text
        print("echoed", socket.subprotocol, bool(socket.protocol.extensions), flush=True)
        try:
            await socket.recv()
        except websockets.ConnectionClosed as closed:
            print("closed", closed.rcvd.code, closed.rcvd.reason, flush=True)
asyncio.run(main(*sys.argv[1:]))
`;

describe.skipIf(missing)(
  `the websockets package of Python ${missing === undefined ? '' : `(skipped: ${missing})`}`,
  () => {
    it('speaks through the gateway, and is told 1008 when its key is revoked', async () => {
      if (typeof python === 'string') throw new Error(python);
      const { gateway, key } = await webSocketScene({
        upstream: { perMessageDeflate: true, handleProtocols: () => 'a' },
      });
      const url = `ws://127.0.0.1:${gateway.port}/live/python`;
      const child = spawn(python.program, ['-c', CLIENT, url, key.key], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      let complaint = '';
      child.stderr.on('data', (bytes: Buffer) => (complaint += bytes.toString()));
      const exit = once(child, 'exit');
      for await (const bytes of child.stdout) {
        said += String(bytes);
        if (said.endsWith('echoed a True\n')) await gateway.admin('POST', `/v1/keys/${key.id}/revoke`);
      }
      await exit;
      expect([said, complaint]).toEqual(['echoed a True\nclosed 1008 credential_revoked\n', '']);
    });
  },
);
