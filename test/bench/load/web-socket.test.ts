import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { openWebSocket } from '../../../bench/load/web-socket.ts';

const HANDSHAKE = Buffer.from(
  'GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n',
);

async function listen(): Promise<{ readonly port: number; readonly messages: string[] }> {
  const messages: string[] = [];
  const server = createServer((_request, response) => response.end());
  const webSockets = new WebSocketServer({ server, path: '/live' });
  webSockets.on('connection', (socket) => {
    socket.on('message', (data) => {
      messages.push(Buffer.isBuffer(data) ? data.toString('latin1') : 'more than one frame');
      socket.send(data, { binary: false });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of webSockets.clients) socket.terminate();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, messages };
}

test('each send is one message of RFC 6455, and its echo one response', async () => {
  const { port, messages } = await listen();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let responses = 0;
  const connection = await openWebSocket(port, () => HANDSHAKE, {
    onResponse(again) {
      responses += 1;
      if (responses === 3) resolve();
      else again.send();
    },
    onFailure: (reason) => reject(new Error(reason)),
  });
  connection.send();
  await promise;
  connection.close();
  expect(messages).toHaveLength(3);
  expect(JSON.parse(messages[0] ?? '')).toMatchObject({ status: 'shipped' });
});

test('a target that does not switch protocols fails', async () => {
  const { port } = await listen();
  const elsewhere = Buffer.from(String(HANDSHAKE).replace('/live', '/other'));
  const failures: string[] = [];
  await expect(
    openWebSocket(port, () => elsewhere, {
      onResponse: () => {},
      onFailure: (reason) => failures.push(reason),
    }),
  ).rejects.toThrow('answered a WebSocket handshake with 400');
  expect(failures).toHaveLength(1);
});
