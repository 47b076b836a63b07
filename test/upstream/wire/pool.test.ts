import { createSecureContext } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createConnector } from '../../../src/upstream/connector.ts';
import { openerFor } from '../../../src/upstream/wire/open-socket.ts';
import { Pool } from '../../../src/upstream/wire/pool.ts';
import { WireFault } from '../../../src/upstream/wire/wire-fault.ts';
import type { WireRequest } from '../../../src/upstream/wire/wire-request.ts';
import { answerOf, OK, upstreamFor } from '../../support/forwarding-scenario.ts';
import type { RawUpstream } from '../../support/raw-upstream.ts';
import { RecordedAnswer } from './recorded-answer.ts';

const CONNECTOR_OPTIONS = {
  hostname: '127.0.0.1',
  serverName: undefined,
  secureContext: createSecureContext(),
  timeoutMilliseconds: 2_000,
  resolveName: undefined,
};

function poolFor({ origin }: RawUpstream, connections = 4, isStream = false): Pool {
  const open = openerFor(origin, (reads) => createConnector(CONNECTOR_OPTIONS, reads), isStream);
  const pool = new Pool(open, connections);
  onTestFinished(() => pool.destroy());
  return pool;
}

function send(
  pool: Pool,
  target: string,
  given: Partial<WireRequest> = {},
  answer = new RecordedAnswer(),
): RecordedAnswer {
  pool.dispatch(
    {
      method: 'GET',
      target,
      fields: ['Host', 'a'],
      body: undefined,
      isHandshake: false,
      headMilliseconds: 0,
      idleMilliseconds: 0,
      ...given,
    },
    answer,
  );
  return answer;
}

/** Path and connection of each request, in order. */
function paths({ requests }: RawUpstream): string[] {
  return requests.map(({ startLine, connection }) => `${startLine.split(' ')[1] ?? ''} on ${connection}`);
}

test('a connection is used again, and says so', async () => {
  const upstream = await upstreamFor(OK);
  const pool = poolFor(upstream);
  expect((await send(pool, '/1').ended).events).toEqual(['connected', 'begun', 'head', 'completed']);
  expect((await send(pool, '/2').ended).events).toEqual(['connected again', 'begun', 'head', 'completed']);
  expect(paths(upstream)).toEqual(['/1 on 0', '/2 on 0']);
});

test.each([false, true])(
  'bytes on a connection that nobody waits on end it, and are no answer to what comes next (stream: %s)',
  async (isStream) => {
    const upstream = await upstreamFor(OK);
    const pool = poolFor(upstream, 4, isStream);
    await send(pool, '/1').ended;
    upstream.connections[0]?.socket.write(answerOf('200 OK', ['Content-Length: 6'], 'forged'));
    await upstream.until(() => upstream.connections[0]?.isClosed === true);
    expect((await send(pool, '/2').ended).body.toString()).toBe('ok');
    expect(paths(upstream)).toEqual(['/1 on 0', '/2 on 1']);
  },
);

test.each([
  ['that another one follows', OK + OK],
  ['that a line end follows', `${OK}\r\n`],
  ['that closes', answerOf('200 OK', ['Connection: close', 'Content-Length: 2'], 'ok')],
  ['of HTTP/1.0', OK.replace('1.1', '1.0')],
  [
    'that says how little time there is',
    answerOf('200 OK', ['Keep-Alive: timeout=2', 'Content-Length: 2'], 'ok'),
  ],
  ['204 that speaks of a body', answerOf('204 No', ['Content-Length: 2'])],
  [
    'that its last chunk is not the end of',
    answerOf('200 OK', ['Transfer-Encoding: chunked'], '2\r\nok\r\n0\r\n\r\n0\r\n\r\n'),
  ],
])('after an answer %s its connection is not used again', async (_, bytes) => {
  const upstream = await upstreamFor(bytes);
  const pool = poolFor(upstream);
  for (const path of ['/1', '/2']) expect((await send(pool, path).ended).events.at(-1)).toBe('completed');
  expect(paths(upstream)).toEqual(['/1 on 0', '/2 on 1']);
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
});

test.each([
  ['HEAD, since there are servers that answer it with a body', { method: 'HEAD' }],
  [
    'DELETE with a body, since there are servers that leave that unread',
    { method: 'DELETE', body: Buffer.from('x') },
  ],
])('after %s the connection is not used again', async (_, request) => {
  const upstream = await upstreamFor(answerOf('200 OK', ['Content-Length: 0']));
  const pool = poolFor(upstream);
  for (const path of ['/1', '/2']) await send(pool, path, request).ended;
  expect(paths(upstream)).toEqual(['/1 on 0', '/2 on 1']);
});

test('after an answer that came before the end of the request the connection is not used again', async () => {
  const upstream = await upstreamFor((socket) => void socket.write(OK), { answer: 'onHead' });
  const pool = poolFor(upstream);
  let isStopped = false;
  const body = {
    length: 1_000_000,
    start: (sink: { write(bytes: Buffer): boolean }) => void sink.write(Buffer.from('x')),
    resume() {},
    stop() {
      isStopped = true;
    },
  };
  const answer = await send(pool, '/1', { method: 'POST', body }).ended;
  expect([answer.body.toString(), isStopped]).toEqual(['ok', true]);
  await send(pool, '/2').ended;
  expect(paths(upstream)).toEqual(['/1 on 0', '/2 on 1']);
});

test('a body that is shorter or longer than it was said to be is broken off', async () => {
  const upstream = await upstreamFor(OK);
  const pool = poolFor(upstream);
  for (const act of ['short', 'long']) {
    const answer = await send(pool, '/', {
      method: 'POST',
      body: {
        length: 3,
        start(sink) {
          sink.write(Buffer.from(act === 'short' ? 'ab' : 'abcd'));
          if (act === 'short') sink.end();
        },
        resume() {},
        stop() {},
      },
    }).ended;
    expect(answer.error).toMatchObject({ kind: 'unsendable' });
  }
  expect(upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
});

test('the connection that was used last is used next', async () => {
  const upstream = await upstreamFor((socket, request) => {
    if (!request.startLine.includes('/wait')) socket.write(OK);
  });
  const pool = poolFor(upstream);
  const [first, second] = [send(pool, '/wait1'), send(pool, '/wait2')];
  await upstream.until(() => upstream.requests.length === 2);
  const connectionOf = (path: string) =>
    upstream.requests.find(({ startLine }) => startLine.includes(path))?.connection ?? -1;
  upstream.connections[connectionOf('/wait2')]?.socket.write(OK);
  await second.ended;
  upstream.connections[connectionOf('/wait1')]?.socket.write(OK);
  await first.ended;
  for (const path of ['/3', '/4']) await send(pool, path).ended;
  expect([connectionOf('/3'), connectionOf('/4')]).toEqual([connectionOf('/wait1'), connectionOf('/wait1')]);
});

test('there are no more connections than allowed; who waits is served in the order of coming, and who gave up is not', async () => {
  const upstream = await upstreamFor(OK);
  const pool = poolFor(upstream, 1);
  const answers = ['/1', '/2', '/3', '/4'].map((path) => send(pool, path));
  const [first, , third, last] = answers;
  if (third !== undefined) pool.forget(third);
  await first?.ended;
  await last?.ended;
  expect(paths(upstream)).toEqual(['/1 on 0', '/2 on 0', '/4 on 0']);
  expect(third?.events).toEqual([]);
});

test('a connection that nobody needs is closed in time, as the upstream asked', async () => {
  const upstream = await upstreamFor(
    answerOf('200 OK', ['Keep-Alive: max=5, timeout=3', 'Content-Length: 2'], 'ok'),
  );
  const pool = poolFor(upstream);
  await send(pool, '/1').ended;
  const begun = performance.now();
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
  const kept = performance.now() - begun;
  expect(kept).toBeGreaterThan(900);
});

test('each of several deadlines is kept, the nearer one that came later too', async () => {
  const upstream = await upstreamFor(() => {});
  const pool = poolFor(upstream);
  const begun = performance.now();
  const [long, short] = [
    send(pool, '/long', { headMilliseconds: 400 }),
    send(pool, '/short', { headMilliseconds: 50 }),
  ];
  expect((await short.ended).error).toMatchObject({ kind: 'late' });
  expect(long.error).toBeUndefined();
  expect((await long.ended).error).toMatchObject({ kind: 'late' });
  expect(performance.now() - begun).toBeGreaterThanOrEqual(399);
});

test('an answer before the final one gives the upstream its time anew', async () => {
  const upstream = await upstreamFor((socket) => {
    const timer = setInterval(() => void socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 100);
    socket.on('close', () => clearInterval(timer));
  });
  const answer = await send(poolFor(upstream), '/', { headMilliseconds: 250 }).ended;
  // Not for ever: there are only so many.
  expect([answer.interim.length, answer.error]).toEqual([20, expect.objectContaining({ kind: 'malformed' })]);
});

test.each([
  ['a line end in a value', { fields: ['Host', 'a', 'X-A', '1\r\nX-B: 2'] }],
  ['a character whose lower half is a line end', { fields: ['Host', 'a', 'X-A', '\u010a'] }],
  ['a line end in a name', { fields: ['Host', 'a', 'X-A: 1\r\nX-B', '2'] }],
  ['a length that is not of its body', { fields: ['Host', 'a', 'content-length', '5'] }],
  ['a transfer coding', { fields: ['Host', 'a', 'Transfer-Encoding', 'chunked'] }],
  ['no Host', { fields: ['X-A', '1'] }],
  ['two Hosts', { fields: ['Host', 'a', 'host', 'b'] }],
  ['a space in the target', { target: '/a b' }],
  ['a line end in the target', { target: '/a\r\nX-A:' }],
  ['a target that is no path', { target: 'http://a/' }],
  ['a method that is none', { method: 'GET /' }],
])('a request with %s is not sent', async (_, given) => {
  const upstream = await upstreamFor(OK);
  const answer = await send(poolFor(upstream), '/', given).ended;
  expect(answer.error).toMatchObject({ kind: 'unsendable' });
  expect(upstream.connections).toHaveLength(0);
});

test('a closing pool takes nothing more, finishes what it has, and then is closed', async () => {
  const upstream = await upstreamFor(() => {});
  const pool = poolFor(upstream, 1);
  const [first, second] = [send(pool, '/1'), send(pool, '/2')];
  await upstream.request(0);
  const closed = pool.close();
  expect((await send(pool, '/3').ended).error).toEqual(new WireFault('stopped', 'the pool is closed'));
  upstream.connections[0]?.socket.write(OK);
  await first.ended;
  await upstream.request(1);
  upstream.connections[0]?.socket.write(OK);
  await second.ended;
  await closed;
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
});

/** Is not done with a head until it is told to be. */
class HesitantAnswer extends RecordedAnswer {
  override headReceived(head: Parameters<RecordedAnswer['headReceived']>[0]): boolean {
    super.headReceived(head);
    return false;
  }
}

const CUT_OFF = answerOf('200 OK', ['Content-Length: 20'], 'only a part');

describe.each([false, true])(
  'an answer whose receiver is not done with its head (stream: %s)',
  (isStream) => {
    test.each([
      ['is told of when it is, though the upstream is gone by then', OK, ['head', 'completed'], 'ok'],
      [
        'that the connection ends, too',
        answerOf('200 OK', [], 'to the end'),
        ['head', 'completed'],
        'to the end',
      ],
      ['and is not whole, fails then', CUT_OFF, ['head', 'failed'], 'only a part'],
    ])('%s', async (_, bytes, events, body) => {
      const upstream = await upstreamFor((socket) => void socket.end(bytes));
      const answer = send(poolFor(upstream, 4, isStream), '/', {}, new HesitantAnswer());
      await expect.poll(() => answer.events).toContain('head');
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(answer.body).toHaveLength(0);
      answer.connection?.resume();
      await answer.ended;
      expect([answer.events.slice(2), answer.body.toString()]).toEqual([events, body]);
    });

    test('ends its connection where another answer came meanwhile, which is given to nobody', async () => {
      const upstream = await upstreamFor(
        (socket, _request, number) => void socket.write(number === 0 ? OK.slice(0, -1) : OK),
      );
      const pool = poolFor(upstream, 4, isStream);
      const answer = send(pool, '/1', {}, new HesitantAnswer());
      await expect.poll(() => answer.events).toContain('head');
      upstream.connections[0]?.socket.write(`k${answerOf('200 OK', ['Content-Length: 6'], 'forged')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      answer.connection?.resume();
      expect((await answer.ended).body.toString()).toBe('ok');
      expect((await send(pool, '/2').ended).body.toString()).toBe('ok');
      expect(paths(upstream)).toEqual(['/1 on 0', '/2 on 1']);
    });
  },
);

test('a switched connection is the receiver’s, with what came behind the head, and leaves its place to others', async () => {
  const upstream = await upstreamFor((socket, _, number) => {
    if (number === 0) socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nfirst');
    else socket.write(OK);
  });
  const pool = poolFor(upstream, 1, true);
  const { socket } = await send(pool, '/', { isHandshake: true }).ended;
  const received: string[] = [];
  socket?.on('data', (bytes: Buffer) => received.push(bytes.toString()));
  await send(pool, '/2').ended;
  upstream.connections[0]?.socket.write('second');
  await expect.poll(() => received.join('')).toBe('firstsecond');
  await pool.close();
  expect(socket?.destroyed).toBe(false);
  socket?.destroy();
});
