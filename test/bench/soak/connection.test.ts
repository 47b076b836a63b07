import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openSteadyConnection, outcomeIn } from '../../../bench/soak/steady/connection.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const REFUSAL = '{"code":"overloaded"}';
const CLOSING = `HTTP/1.1 503 Busy\r\nContent-Length: ${REFUSAL.length}\r\nConnection: close\r\n\r\n${REFUSAL}`;

/** Answers with these in turn, one for each piece that it gets; `end` closes the connection in place of an answer. */
async function startServer(answers: readonly string[]) {
  let connections = 0;
  let asked = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {});
    socket.on('data', () => {
      const answer = answers[asked] ?? 'end';
      asked += 1;
      if (answer === 'end') socket.destroy();
      else socket.write(answer);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

test('an answer that closes its connection is followed by a request on another one, and none is lost', async () => {
  const server = await startServer([OK, CLOSING, OK, 'end']);
  const outcomes: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const connection = openSteadyConnection(server.port, (outcome) => {
    outcomes.push(outcome);
    if (outcomes.length === 4) resolve();
    else connection.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  });
  connection.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await promise;
  connection.close();
  expect(outcomes).toEqual(['200', '503 overloaded', '200', 'cut']);
  expect(server.connections()).toBe(2);
});

test.each([
  ['HTTP/1.1 200 OK\r\nContent-Le', undefined],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no', undefined],
  [OK, '200'],
  [`${OK}x`, 'more than one answer'],
  ['HTTP/1.1 200 OK\r\n\r\n', 'without Content-Length'],
  [CLOSING, '503 overloaded'],
])('%j is %s', (received, outcome) => {
  expect(outcomeIn(received)).toBe(outcome);
});
