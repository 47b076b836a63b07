import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type AttackedGateway, startAttackedGateway } from '../support/attacked-gateway.ts';

let attacked: AttackedGateway;
beforeAll(async () => {
  attacked = await startAttackedGateway();
});
afterAll(() => attacked.close());
beforeEach(() => attacked.forget());

it('F20 a client that resets its connection as soon as it has sent a request does nothing without an address', async () => {
  const { gateway, upstream, acme } = attacked;
  const request = `DELETE /api/reset HTTP/1.1\r\nHost: gw.test\r\nX-API-Key: ${acme.key}\r\n\r\n`;
  await Promise.all(
    Array.from({ length: 60 }, async () => {
      const socket = connect({ port: gateway.port, host: '127.0.0.1' });
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(request);
      socket.resetAndDestroy();
    }),
  );
  const answer = await gateway.raw(
    'GET /public/behind HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n',
  );
  expect(answer.status).toBe(200);
  for (const { fields } of upstream.requests)
    expect(fields.filter(([name]) => name.toLowerCase() === 'x-forwarded-for')).toEqual([
      [expect.any(String), '127.0.0.1'],
    ]);
});
