import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { runClosedLoop } from '../../../bench/load/closed-loop.ts';
import { runFixedRate } from '../../../bench/load/fixed-rate.ts';
import { REQUEST_FIELDS, requestText } from '../../../bench/load/request.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const LOAD = { requests: [requestText(REQUEST_FIELDS)], connections: 4, warmUpMs: 20, durationMs: 300 };

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Calls `answer` for each request that comes in. */
async function listen(answer: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('data', () => answer(socket));
    socket.on('error', () => socket.destroy());
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test.skipIf(process.platform !== 'linux')(
  'closed loop: every answered request is in one window, with the CPU time that it took',
  async () => {
    let answered = 0;
    const port = await listen((socket) => {
      answered += 1;
      socket.write(OK);
    });
    const windows = await runClosedLoop({
      ...LOAD,
      kind: 'closedLoop',
      port,
      pids: [process.pid],
      windowMs: 50,
    });
    expect(windows.length).toBeGreaterThanOrEqual(3);
    const counted = windows.reduce((sum, window) => sum + window.responses, 0);
    expect(counted).toBeGreaterThan(100);
    expect(counted).toBeLessThanOrEqual(answered);
    for (const [index, window] of windows.entries()) {
      // A timer may fire a millisecond early.
      expect(window.endMs - window.startMs).toBeGreaterThanOrEqual(48);
      expect(window.cpuMicroseconds).toBeGreaterThan(0);
      expect(window.startMs).toBe(windows[index - 1]?.endMs ?? window.startMs);
    }
  },
);

test('fixed rate: exactly the due requests are sent, and each has a latency', async () => {
  const port = await listen((socket) => socket.write(OK));
  const latencies = await runFixedRate({ ...LOAD, kind: 'fixedRate', port, ratePerSecond: 200 });
  expect(latencies).toHaveLength(60);
  expect(Math.min(...latencies)).toBeGreaterThan(0);
});

test('fixed rate: a stall counts in every request that was due during it, not only in those in flight', async () => {
  let stallUntil = 0;
  let seen = 0;
  const port = await listen((socket) => {
    seen += 1;
    if (seen === 20) stallUntil = performance.now() + 150;
    setTimeout(() => socket.write(OK), Math.max(0, stallUntil - performance.now()));
  });
  const latencies = await runFixedRate({
    ...LOAD,
    kind: 'fixedRate',
    port,
    durationMs: 400,
    ratePerSecond: 200,
  });
  // 30 requests were due in those 150 ms, though four connections can have four in flight.
  expect(latencies.filter((latency) => latency > 20_000).length).toBeGreaterThan(20);
});

test.each([
  [
    'a refusal',
    (socket: Socket) => socket.write('HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n'),
    'answered 502',
  ],
  ['a closed connection', (socket: Socket) => socket.end(OK), 'connection closed by the target'],
] as const)('%s by the target fails the measurement', async (_what, answer, message) => {
  const port = await listen(answer);
  await expect(runFixedRate({ ...LOAD, kind: 'fixedRate', port, ratePerSecond: 200 })).rejects.toThrow(
    message,
  );
});
