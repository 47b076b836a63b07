import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createHolder } from '../../../bench/load/holder.ts';
import { until } from '../../support/redis.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

async function listen(answer: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', () => answer(socket));
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, sockets };
}

const ORDER = { kind: 'hold', request: 'GET / HTTP/1.1\r\n\r\n', connections: 250 } as const;

test('connections are held open after one answer each, and closed when they are released', async () => {
  let answers = 0;
  const { port, sockets } = await listen((socket) => {
    answers += 1;
    socket.write(OK);
  });
  const holder = createHolder();
  await holder.hold({ ...ORDER, port });
  expect([answers, sockets.size]).toEqual([250, 250]);
  expect(holder.release()).toBe(250);
  await until('all are closed', () => sockets.size === 0);
  expect(holder.release()).toBe(0);
});

test('a connection that the target closes meanwhile does not count as held', async () => {
  const { port, sockets } = await listen((socket) => socket.write(OK));
  const holder = createHolder();
  await holder.hold({ ...ORDER, port });
  for (const socket of [...sockets].slice(0, 10)) socket.destroy();
  let open = 250;
  await until('ten are gone', () => {
    open = sockets.size;
    return open === 240;
  });
  expect(holder.release()).toBe(240);
});

test('a refusal fails the order and leaves nothing open', async () => {
  const { port, sockets } = await listen((socket) => socket.write(OK.replace('200 OK', '401 No')));
  await expect(createHolder().hold({ ...ORDER, port })).rejects.toThrow('answered 401');
  await until('all are closed', () => sockets.size === 0);
});
