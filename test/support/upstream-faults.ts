import type { Socket } from 'node:net';
import { answerOf, OK } from './forwarding-scenario.ts';
import type { RecordedRequest } from './raw-upstream.ts';

/** What the client of a request must get. */
export type Expected =
  /** The gateway's own answer, which tells nothing but its code. */
  | { readonly kind: 'failed'; readonly status: 502 | 504 }
  /** What there is of an answer does not look whole; or `failed`, where nothing of it had left. */
  | { readonly kind: 'broken' }
  /** What the upstream said, to its end. */
  | { readonly kind: 'whole'; readonly status: number; readonly body: string };

/** Row of the table of attacks. */
export type FaultRow = 'U01' | 'U04' | 'U05' | 'U07' | 'U08' | 'U10' | 'U11' | 'U12';

export interface UpstreamFault {
  readonly id: FaultRow;
  readonly name: string;
  /** Whether it acts as soon as it has the head of a request, or waits for all of it. Default: `whole`. */
  readonly after?: 'head' | 'whole';
  /** Bytes that are sent at once, or what is done byte by byte. `round`: how many requests of this path came before. */
  readonly act: string | ((socket: Socket, round: number, request: RecordedRequest) => void);
  readonly expected: Expected;
  /** Ends by a time limit, which is short for it. */
  readonly isSlow?: boolean;
  /** What it sends too much, it sends later: the gateway is to leave the connection when it comes. */
  readonly isLate?: boolean;
  /** The target fails: its health says so. */
  readonly isTargets: boolean;
}

export const FAILED: Expected = { kind: 'failed', status: 502 };
export const LATE: Expected = { kind: 'failed', status: 504 };
const BROKEN: Expected = { kind: 'broken' };
const PASSED: Expected = { kind: 'whole', status: 200, body: 'ok' };

/** Writes these bytes one by one, and goes on with the last of them. */
function drip(socket: Socket, bytes: string): void {
  let at = 0;
  const timer = setInterval(() => {
    socket.write(bytes[Math.min(at, bytes.length - 1)] ?? '');
    at += 1;
  }, 20);
  socket.on('close', () => clearInterval(timer));
}

/** Writes a piece, and again whenever there is room, until the other side has had enough. */
function flood(socket: Socket, begin: string, piece: string): void {
  socket.write(begin, 'latin1');
  const block = Buffer.from(piece.repeat(Math.ceil(4096 / piece.length)), 'latin1');
  const timer = setInterval(() => {
    if (socket.writableLength === 0) socket.write(block);
  }, 1);
  socket.on('close', () => clearInterval(timer));
}

function chunked(body: string): string {
  return answerOf('200 OK', ['Transfer-Encoding: chunked'], body);
}

function sized(length: number, body: string): string {
  return answerOf('200 OK', [`Content-Length: ${length}`], body);
}

const FORGED = answerOf('200 OK', ['Content-Length: 6', 'X-Forged: 1'], 'forged');
const CONTINUES = 'HTTP/1.1 100 Continue\r\n\r\n';
const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';

const CONNECTION_FAULTS: readonly UpstreamFault[] = [
  ...(
    [
      ['resets the connection', 'U07', (socket) => void socket.resetAndDestroy()],
      ['ends the connection', 'U07', (socket) => void socket.end()],
      ['ends within the status line', 'U07', (socket) => void socket.end('HTTP/1.')],
      ['ends behind the status line', 'U07', (socket) => void socket.end('HTTP/1.1 200 OK\r\n')],
      ['ends within a field', 'U07', (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Le')],
      [
        'ends before the empty line',
        'U07',
        (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n'),
      ],
      [
        'resets within the head',
        'U07',
        (socket) => void socket.write('HTTP/1.1 200 OK\r\nX: ', () => socket.resetAndDestroy()),
      ],
    ] satisfies [string, FaultRow, UpstreamFault['act']][]
  ).map(([name, id, act]) => ({ id, name, act, expected: FAILED, isTargets: true })),
  {
    id: 'U07',
    name: 'resets the connection while the request arrives',
    after: 'head',
    act: (socket) => void socket.resetAndDestroy(),
    expected: FAILED,
    isTargets: true,
  },
  { id: 'U07', name: 'is silent', act: '', expected: LATE, isSlow: true, isTargets: true },
  {
    id: 'U07',
    name: 'sends the head one byte at a time',
    act: (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nX-Slow: xx'),
    expected: LATE,
    isSlow: true,
    isTargets: true,
  },
];

const HEAD_FAULTS: readonly UpstreamFault[] = [
  [
    'Content-Length and Transfer-Encoding',
    answerOf('200 OK', ['Content-Length: 2', 'Transfer-Encoding: chunked'], '2\r\nok\r\n0\r\n\r\n'),
  ],
  [
    'Transfer-Encoding and Content-Length',
    answerOf('200 OK', ['Transfer-Encoding: chunked', 'Content-Length: 2'], '2\r\nok\r\n0\r\n\r\n'),
  ],
  ['two Content-Length fields', answerOf('200 OK', ['Content-Length: 2', 'Content-Length: 3'], 'ok')],
  ['two equal Content-Length fields', answerOf('200 OK', ['Content-Length: 2', 'Content-Length: 2'], 'ok')],
  ['a list as Content-Length', answerOf('200 OK', ['Content-Length: 2, 2'], 'ok')],
  ['a signed Content-Length', answerOf('200 OK', ['Content-Length: +2'], 'ok')],
  ['a negative Content-Length', answerOf('200 OK', ['Content-Length: -2'], 'ok')],
  ['a Content-Length of other digits', answerOf('200 OK', ['Content-Length: 0x2'], 'ok')],
  ['a Content-Length beyond counting', answerOf('200 OK', ['Content-Length: 99999999999999999999'], 'ok')],
  [
    'gzip as a transfer coding',
    answerOf('200 OK', ['Transfer-Encoding: gzip, chunked'], '2\r\nok\r\n0\r\n\r\n'),
  ],
  ['chunked not last', answerOf('200 OK', ['Transfer-Encoding: chunked, identity'], '2\r\nok\r\n0\r\n\r\n')],
  ['two transfer codings', answerOf('200 OK', ['Transfer-Encoding: chunked', 'Transfer-Encoding: x'], 'ok')],
  [
    'a transfer coding before the colon',
    answerOf('200 OK', ['Transfer-Encoding : chunked'], '2\r\nok\r\n0\r\n\r\n'),
  ],
  ['status 099', answerOf('099 Odd', ['Content-Length: 2'], 'ok')],
  ['status 999', answerOf('999 Odd', ['Content-Length: 2'], 'ok')],
  ['status 20', 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['no status', 'HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['a head of 20 kB', answerOf('200 OK', [`X-Long: ${'x'.repeat(20_000)}`, 'Content-Length: 2'], 'ok')],
  [
    '20 kB of small fields',
    answerOf(
      '200 OK',
      [...Array.from({ length: 2000 }, (_, n) => `X${n}: 12345`), 'Content-Length: 2'],
      'ok',
    ),
  ],
  [
    'an upgrade that nobody asked for',
    answerOf('101 Switching Protocols', ['Connection: upgrade', 'Upgrade: websocket']),
  ],
  ['101 without an upgrade', answerOf('101 Switching Protocols')],
  // RFC 9110 §15.2 would have it ignored. Nobody asked for it, so nobody knows what it is an answer to.
  ['100 that nobody asked for', `${CONTINUES}${OK}`],
  ['garbage', '\x16\x03\x01\x02garbage'],
  ['the banner of another protocol', 'SSH-2.0-OpenSSH_9.9\r\n'],
  ['the frames of HTTP/2', '\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80'],
  ['a page without a head', '<html>ok</html>\r\n\r\n'],
  ['another protocol version', 'HTTP/3.7 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['NUL in a field', answerOf('200 OK', ['X-A: a\0b', 'Content-Length: 2'], 'ok')],
  ['a bare CR in a field', answerOf('200 OK', ['X-A: a\rSet-Cookie: b=c', 'Content-Length: 2'], 'ok')],
  ['a space before the colon', answerOf('200 OK', ['Content-Length : 2'], 'ok')],
  ['a field without a colon', answerOf('200 OK', ['nonsense', 'Content-Length: 2'], 'ok')],
].map(
  ([what = '', bytes = '']): UpstreamFault => ({
    id: 'U05',
    name: `answers with ${what}`,
    act: bytes,
    expected: FAILED,
    isTargets: true,
  }),
);

const FLOODS: readonly UpstreamFault[] = [
  {
    id: 'U05',
    name: 'sends a head without an end',
    act: (socket) => flood(socket, 'HTTP/1.1 200 OK\r\n', 'X-A: b\r\n'),
    expected: FAILED,
    isTargets: true,
  },
  {
    id: 'U05',
    name: 'sends early hints without an end',
    act: (socket) => flood(socket, '', HINTS),
    expected: FAILED,
    isTargets: true,
    isSlow: true,
  },
  {
    id: 'U05',
    name: 'sends trailers without an end',
    act: (socket) => flood(socket, chunked('2\r\nok\r\n0\r\n'), 'X-A: b\r\n'),
    expected: BROKEN,
    isTargets: false,
    isSlow: true,
  },
  {
    id: 'U05',
    name: 'sends a chunk extension without an end',
    act: (socket) => flood(socket, chunked('2'), ';a=b'),
    expected: BROKEN,
    isTargets: false,
    isSlow: true,
  },
];

const BODY_FAULTS: readonly UpstreamFault[] = (
  [
    ['U10', 'stalls within its body', sized(10, 'x'), true],
    ['U10', 'stalls within a chunk', chunked('a\r\nx'), true],
    ['U10', 'stalls before the last chunk', chunked('2\r\nok\r\n'), true],
    ['U11', 'sends less than it said, and ends', (socket) => void socket.end(sized(50, 'ok')), false],
    ['U11', 'ends within a chunk', (socket) => void socket.end(chunked('9\r\nok')), false],
    ['U11', 'ends before the last chunk', (socket) => void socket.end(chunked('2\r\nok\r\n')), false],
    ['U11', 'ends within the last chunk', (socket) => void socket.end(chunked('2\r\nok\r\n0\r\n')), false],
    [
      'U11',
      'resets within its body',
      (socket) => void socket.write(sized(50, 'ok'), () => setTimeout(() => socket.resetAndDestroy(), 30)),
      false,
    ],
    [
      'U11',
      'resets a body that its end would end',
      (socket) =>
        void socket.write(answerOf('200 OK', [], 'ok'), () => setTimeout(() => socket.resetAndDestroy(), 30)),
      false,
    ],
    ['U05', 'sends a chunk size that is no number', chunked('zz\r\nok\r\n0\r\n\r\n'), false],
    ['U05', 'sends a negative chunk size', chunked('-2\r\nok\r\n0\r\n\r\n'), false],
    ['U05', 'sends a chunk size with a prefix', chunked('0x2\r\nok\r\n0\r\n\r\n'), false],
    ['U05', 'sends a chunk size beyond counting', chunked('fffffffffffffffff\r\nok\r\n0\r\n\r\n'), false],
    ['U05', 'sends more in a chunk than it said', chunked('2\r\nokok\r\n0\r\n\r\n'), false],
  ] satisfies [FaultRow, string, UpstreamFault['act'], boolean][]
).map(([id, name, act, isSlow]) => ({ id, name, act, isSlow, expected: BROKEN, isTargets: false }));

/** What looks like a fault and is none, or ends where it was told to. Nothing behind it reaches anybody. */
const HARMLESS: readonly UpstreamFault[] = (
  [
    ['U05', 'sends more than it said', sized(2, 'okevil')],
    ['U05', 'sends another answer behind its own', `${OK}${FORGED}`],
    ['U05', 'sends another answer behind the last chunk', `${chunked('2\r\nok\r\n0\r\n\r\n')}${FORGED}`],
    [
      'U01',
      'names trailers beside a length',
      answerOf('200 OK', ['Trailer: X-T', 'Content-Length: 2'], 'ok'),
    ],
    [
      'U01',
      'sends trailers, among them a cookie',
      chunked('2\r\nok\r\n0\r\nX-T: 1\r\nSet-Cookie: a=b\r\n\r\n'),
    ],
    ['U05', 'sends chunk extensions', chunked('2;a=b\r\nok\r\n0;c\r\n\r\n')],
    ['U05', 'sends a few early hints', `${HINTS.repeat(3)}${OK}`],
    [
      'U11',
      'answers until the end of the connection',
      (socket) => void socket.end(answerOf('200 OK', [], 'ok')),
    ],
    [
      'U11',
      'answers by HTTP/1.0 until the end',
      (socket) => void socket.end('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nok'),
    ],
    ['U11', 'answers by HTTP/1.0 with a length', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    [
      'U11',
      'sends its answer one byte at a time',
      (socket) => {
        let at = 0;
        const timer = setInterval(() => {
          socket.write(OK.charAt(at));
          at += 1;
          if (at === OK.length) clearInterval(timer);
        }, 1);
        socket.on('close', () => clearInterval(timer));
      },
    ],
  ] satisfies [FaultRow, string, UpstreamFault['act']][]
).map(([id, name, act]) => ({ id, name, act, expected: PASSED, isTargets: false }));

const OTHERS: readonly UpstreamFault[] = [
  {
    id: 'U05',
    name: 'sends another answer on the idle connection',
    act: (socket) => void socket.write(OK, () => setTimeout(() => socket.write(FORGED), 20)),
    expected: PASSED,
    isLate: true,
    isTargets: false,
  },
  {
    id: 'U04',
    name: 'answers 304 with the length of what it does not send',
    act: answerOf('304 Not Modified', ['Content-Length: 5']),
    expected: { kind: 'whole', status: 304, body: '' },
    isTargets: false,
  },
  {
    id: 'U04',
    name: 'answers 204 with a body',
    act: answerOf('204 No Content', ['Content-Length: 4'], 'evil'),
    expected: { kind: 'whole', status: 204, body: '' },
    isTargets: false,
  },
  {
    id: 'U08',
    name: 'answers 503 with Retry-After',
    act: answerOf('503 Busy', ['Retry-After: 120', 'Content-Length: 4'], 'busy'),
    expected: { kind: 'whole', status: 503, body: 'busy' },
    isTargets: false,
  },
  {
    id: 'U05',
    name: 'answers before it has read the request',
    after: 'head',
    act: answerOf('413 No', ['Content-Length: 2'], 'no'),
    expected: { kind: 'whole', status: 413, body: 'no' },
    isTargets: false,
  },
];

/** Section U of the attacks, as an upstream that commits them. */
export const UPSTREAM_FAULTS: readonly UpstreamFault[] = [
  ...CONNECTION_FAULTS,
  ...HEAD_FAULTS,
  ...FLOODS,
  ...BODY_FAULTS,
  ...HARMLESS,
  ...OTHERS,
];
