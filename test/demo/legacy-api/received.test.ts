import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ACME, sha256, useLegacyApi } from './running-api.ts';

const api = useLegacyApi();

const REQUEST = [
  'PUT /api/echo/a%2Fb//c?x=%20&x HTTP/1.1',
  'Host: legacy',
  'x-API-key: acme-legacy-4711',
  'X-Twice: 1',
  'x-twice: 2',
  'Content-Length: 3',
  'Connection: close',
];
const FIELDS = REQUEST.slice(1).map((line) => line.split(': '));

test('the echo tells target and fields as they were on the wire', async () => {
  const answer = await api.rawExchange(`${REQUEST.join('\r\n')}\r\n\r\nabc`);
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toEqual({
    method: 'PUT',
    target: '/api/echo/a%2Fb//c?x=%20&x',
    fields: FIELDS,
    body: { bytes: 3, sha256: sha256(Buffer.from('abc')) },
  });
  expect(api.received().at(-1)).toEqual({
    method: 'PUT',
    target: '/api/echo/a%2Fb//c?x=%20&x',
    fields: FIELDS,
  });
});

test('the last request is shown on its own port, health probes aside', async () => {
  await api.call('/api/echo/seen', { headers: ACME });
  await api.call('/health');
  const last = await api.call('/_received/last');
  expect(await last.json()).toMatchObject({ method: 'GET', target: '/api/echo/seen' });
});

test('refused requests and upgrades are kept too, and a hundred in all', async () => {
  await api.call('/api/orders?refused');
  expect(api.received().at(-1)?.target).toBe('/api/orders?refused');
  const socket = new WebSocket(`${api.url().replace('http', 'ws')}/api/ws?upgraded`, { headers: ACME });
  await once(socket, 'open');
  expect(api.received().at(-1)?.target).toBe('/api/ws?upgraded');
  socket.terminate();
  for (let round = 0; round < 120; round += 1) await api.textOf(`/status?${round}`);
  expect(api.received()).toHaveLength(100);
  expect(api.received().at(-1)?.target).toBe('/status?119');
});
