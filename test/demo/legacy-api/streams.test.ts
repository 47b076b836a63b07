import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ACME, useLegacyApi } from './running-api.ts';

const api = useLegacyApi();

const HANDSHAKE =
  'X-Api-Key: acme-legacy-4711\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

test('events come one by one and end at the count', async () => {
  const response = await api.call('/api/events?count=2', { headers: ACME });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const chunks: string[] = [];
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) chunks.push(decoder.decode(chunk));
  expect(chunks).toEqual([
    'id: 1\nevent: tick\ndata: {"n":1,"tenant":"acme"}\n\n',
    'id: 2\nevent: tick\ndata: {"n":2,"tenant":"acme"}\n\n',
  ]);
});

test('the WebSocket gives back text and bytes', async () => {
  const socket = new WebSocket(`${api.url().replace('http', 'ws')}/api/ws`, { headers: ACME });
  await once(socket, 'open');
  const sent: readonly (string | Buffer)[] = ['grüße', randomBytes(200_000)];
  for (const message of sent) {
    const answer = once(socket, 'message');
    socket.send(message);
    const [data, isBinary] = await answer;
    expect(isBinary).toBe(typeof message !== 'string');
    expect(Buffer.from(message).equals(data)).toBe(true);
  }
  socket.close();
  await once(socket, 'close');
});

test('a WebSocket without a key is 401, a plain request to it 426', async () => {
  const socket = new WebSocket(`${api.url().replace('http', 'ws')}/api/ws`);
  const [request, response] = await once(socket, 'unexpected-response');
  expect(response.statusCode).toBe(401);
  request.destroy();
  expect((await api.call('/api/ws', { headers: ACME })).status).toBe(426);
});

test('a WebSocket client that does not read is not read either, and loses nothing', async () => {
  const socket = new WebSocket(`${api.url().replace('http', 'ws')}/api/ws`, { headers: ACME });
  await once(socket, 'open');
  socket.pause();
  const message = randomBytes(1024 * 1024);
  for (let n = 0; n < 32; n += 1) socket.send(message);
  for (let round = 0; round < 50; round += 1) await api.textOf('/status');
  expect(socket.bufferedAmount).toBeGreaterThan(8 * 1024 * 1024);
  let echoed = 0;
  socket.on('message', (data: Buffer) => {
    echoed += message.equals(data) ? 1 : 0;
  });
  socket.resume();
  await expect.poll(() => echoed, { timeout: 10_000 }).toBe(32);
  socket.terminate();
});

test('a garbled frame ends its own WebSocket only', async () => {
  const answer = await api.rawExchange(
    `GET /api/ws HTTP/1.1\r\nHost: a\r\n${HANDSHAKE}\r\n\u00ff\u00ff\u00ff\u00ff\u00ff`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 101 /);
  expect(await api.textOf('/status')).toBe('ok');
});
