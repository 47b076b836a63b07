import { describe, expect, test } from 'vitest';
import { cutAt, readAnswer } from './read-answer.ts';

const LF = (text: string): string => text.replaceAll('\n', '\r\n');

/** Name, bytes, method, and what is to be read. */
const WHOLE: readonly (readonly [
  string,
  string,
  { method?: string; status: number; body: string; reusable: boolean },
])[] = [
  [
    'of known length',
    LF('HTTP/1.1 200 OK\nContent-Length: 5\n\nhello'),
    { status: 200, body: 'hello', reusable: true },
  ],
  [
    'without content',
    LF('HTTP/1.1 200 OK\nContent-Length: 0\n\n'),
    { status: 200, body: '', reusable: true },
  ],
  [
    'in chunks',
    LF('HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\nb\n, world 123\n0\n\n'),
    { status: 200, body: 'hello, world 123', reusable: true },
  ],
  [
    'in chunks with extensions',
    LF('HTTP/1.1 200 OK\nTransfer-Encoding: Chunked\n\n5;a;b=c;d="e\\"; f"\nhello\n00;x\n\n'),
    { status: 200, body: 'hello', reusable: true },
  ],
  [
    'in chunks with trailers',
    LF('HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nx\n0\nX-Sum: 1\nX-Other:\n\n'),
    { status: 200, body: 'x', reusable: true },
  ],
  [
    'with line ends as content of a chunk',
    LF('HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n4\n\n\n\n0\n\n'),
    { status: 200, body: '\r\n\r\n', reusable: true },
  ],
  [
    'that the connection ends',
    LF('HTTP/1.1 200 OK\n\nuntil the end'),
    { status: 200, body: 'until the end', reusable: false },
  ],
  [
    'of HTTP/1.0',
    LF('HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 2\n\nok'),
    { status: 200, body: 'ok', reusable: false },
  ],
  [
    'that closes',
    LF('HTTP/1.1 200 OK\nConnection: x, Close ,y\nContent-Length: 2\n\nok'),
    { status: 200, body: 'ok', reusable: false },
  ],
  [
    'to HEAD',
    LF('HTTP/1.1 200 OK\nContent-Length: 5\n\n'),
    { method: 'HEAD', status: 200, body: '', reusable: true },
  ],
  [
    'to HEAD, of chunks',
    LF('HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n'),
    { method: 'HEAD', status: 200, body: '', reusable: true },
  ],
  ['204', LF('HTTP/1.1 204 No Content\n\n'), { status: 204, body: '', reusable: true }],
  [
    '204 that speaks of a body',
    LF('HTTP/1.1 204 No Content\nContent-Length: 5\n\n'),
    { status: 204, body: '', reusable: false },
  ],
  [
    '304 with the length of what was not sent',
    LF('HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n'),
    { status: 304, body: '', reusable: true },
  ],
  [
    'behind interim ones',
    LF(
      'HTTP/1.1 102 Processing\n\nHTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nok',
    ),
    { status: 200, body: 'ok', reusable: true },
  ],
  [
    'without a reason',
    LF('HTTP/1.1 200 \nContent-Length: 2\n\nok'),
    { status: 200, body: 'ok', reusable: true },
  ],
  [
    'without a space for the reason',
    LF('HTTP/1.1 200\nContent-Length: 2\n\nok'),
    { status: 200, body: 'ok', reusable: true },
  ],
  [
    'with Latin-1',
    LF('HTTP/1.1 200 Pr\xfcfung\nX-A: \t \xe9 \xff\t \nContent-Length:2\n\n\xe4\xff'),
    { status: 200, body: '\xe4\xff', reusable: true },
  ],
  [
    'with bytes behind it',
    LF('HTTP/1.1 200 OK\nContent-Length: 2\n\nokHTTP/1.1 200 OK\nContent-Length: 6\n\nforged'),
    { status: 200, body: 'ok', reusable: false },
  ],
  [
    'of more than is told of at once',
    `HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n${'0123456789'.repeat(4000)}`,
    { status: 200, body: '0123456789'.repeat(4000), reusable: true },
  ],
];

describe.each(WHOLE)('an answer %s', (_, bytes, { method, status, body, reusable }) => {
  const expected = readAnswer(cutAt(bytes), method);

  test('is read', () => {
    expect(expected).toMatchObject({ kind: 'whole', status, isReusable: reusable });
    expect(expected.kind === 'whole' && expected.body === body).toBe(true);
  });

  test('is the same wherever it is cut in two, and byte for byte', () => {
    const positions = Array.from({ length: Math.min(bytes.length, 300) }, (_each, index) => index + 1);
    for (const position of positions) expect(readAnswer(cutAt(bytes, position), method)).toEqual(expected);
    expect(readAnswer(cutAt(bytes, ...positions), method)).toEqual(expected);
  });
});

const OK = 'HTTP/1.1 200 OK';
const CHUNKED = `${OK}\r\nTransfer-Encoding: chunked\r\n\r\n`;
const REFUSED: readonly (readonly [string, string])[] = [
  ['a line end before it', `\r\n${OK}\r\n\r\n`],
  ['a bare LF behind the status line', `${OK}\nContent-Length: 0\r\n\r\n`],
  ['a bare LF behind a field', `${OK}\r\nX-A: 1\nX-B: 2\r\n\r\n`],
  ['bare LFs only', `${OK}\nContent-Length: 0\n\n`],
  ['a bare CR in a value', `${OK}\r\nX-A: a\rb\r\n\r\n`],
  ['a bare CR at the end of the head', `${OK}\r\n\rx`],
  ['a folded field', `${OK}\r\nX-A: 1\r\n 2\r\n\r\n`],
  ['a first line that is folded', `${OK}\r\n X-A: 1\r\n\r\n`],
  ['a space before a colon', `${OK}\r\nContent-Length : 2\r\n\r\nok`],
  ['a tab before a colon', `${OK}\r\nContent-Length\t: 2\r\n\r\nok`],
  ['a name with a separator', `${OK}\r\nX(A): 1\r\n\r\n`],
  ['a name with a byte over ASCII', `${OK}\r\nX-\xc4: 1\r\n\r\n`],
  ['no name', `${OK}\r\n: 1\r\n\r\n`],
  ['a line without a colon', `${OK}\r\nX-A\r\n\r\n`],
  ['NUL in a value', `${OK}\r\nX-A: a\0b\r\n\r\n`],
  ['DEL in a value', `${OK}\r\nX-A: a\x7fb\r\n\r\n`],
  ['an escape in the reason', 'HTTP/1.1 200 \x1b[1m\r\n\r\n'],
  ['two Content-Length', `${OK}\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok`],
  ['a list of lengths', `${OK}\r\nContent-Length: 2, 2\r\n\r\nok`],
  ['a sign', `${OK}\r\nContent-Length: +2\r\n\r\nok`],
  ['a negative length', `${OK}\r\nContent-Length: -2\r\n\r\nok`],
  ['a hexadecimal length', `${OK}\r\nContent-Length: 0x2\r\n\r\nok`],
  ['a length of nothing', `${OK}\r\nContent-Length: \r\n\r\n`],
  ['a length beyond numbers', `${OK}\r\nContent-Length: 99999999999999999999\r\n\r\n`],
  ['length and chunks', `${CHUNKED.slice(0, -2)}Content-Length: 2\r\n\r\n`],
  ['chunks and length', `${OK}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['another coding', `${OK}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n`],
  ['identity', `${OK}\r\nTransfer-Encoding: identity\r\n\r\n`],
  ['chunked twice', `${OK}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['chunked in a list', `${OK}\r\nTransfer-Encoding: chunked, chunked\r\n\r\n`],
  ['chunks in HTTP/1.0', CHUNKED.replace('1.1', '1.0')],
  ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
  ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n'],
  ['HTTP in small letters', 'http/1.1 200 OK\r\n\r\n'],
  ['no version', 'ICY 200 OK\r\n\r\n'],
  ['two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
  ['100', `HTTP/1.1 100 Continue\r\n\r\n${OK}\r\nContent-Length: 0\r\n\r\n`],
  ['101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'],
  ['21 interim answers', `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(21)}${OK}\r\nContent-Length: 0\r\n\r\n`],
  [
    'a tab behind chunked, with which llhttp reads no chunks',
    `${OK}\r\nTransfer-Encoding: chunked\t\r\n\r\n`,
  ],
  ['a tab behind a length', `${OK}\r\nContent-Length: 2 \t\r\n\r\nok`],
  ['an interim answer of HTTP/1.0', `HTTP/1.0 102 P\r\n\r\n${OK}\r\nContent-Length: 0\r\n\r\n`],
  [
    'an interim answer that closes',
    `HTTP/1.1 102 P\r\nConnection: close\r\n\r\n${OK}\r\nContent-Length: 0\r\n\r\n`,
  ],
  [
    'an interim answer with a length',
    `HTTP/1.1 102 P\r\nContent-Length: 2\r\n\r\n${OK}\r\nContent-Length: 0\r\n\r\n`,
  ],
  ['a head of more than 16 KiB', `${OK}\r\nX-A: ${'x'.repeat(16_384)}`],
  ['small fields of more than 16 KiB', `${OK}\r\n${'X-A: 12345678\r\n'.repeat(1100)}`],
  ['more than 500 fields', `${OK}\r\n${'A: 1\r\n'.repeat(501)}`],
  ['a chunk size that is no number', `${CHUNKED}g\r\n`],
  ['an empty chunk size', `${CHUNKED}\r\n`],
  ['a signed chunk size', `${CHUNKED}-1\r\n`],
  ['a chunk size with 0x', `${CHUNKED}0x5\r\nhello\r\n0\r\n\r\n`],
  ['a space behind a chunk size', `${CHUNKED}5 \r\nhello\r\n0\r\n\r\n`],
  ['a space before a chunk size', `${CHUNKED} 5\r\nhello\r\n0\r\n\r\n`],
  ['a bare LF behind a chunk size', `${CHUNKED}5\nhello\r\n0\r\n\r\n`],
  ['a bare CR behind a chunk size', `${CHUNKED}5\rhello\r\n0\r\n\r\n`],
  ['a chunk size beyond 32 bits', `${CHUNKED}100000000\r\n`],
  ['a chunk size beyond 64 bits', `${CHUNKED}10000000000000005\r\n`],
  ['a chunk extension of more than 1 KiB', `${CHUNKED}5;${'x'.repeat(1100)}`],
  ['a chunk extension with a control byte', `${CHUNKED}5;a=\x01\r\n`],
  ['a chunk extension in an open string', `${CHUNKED}5;a="b\r\nhello\r\n0\r\n\r\n`],
  ['a chunk that is longer than it said', `${CHUNKED}5\r\nhello!\r\n0\r\n\r\n`],
  ['a bare LF behind a chunk', `${CHUNKED}5\r\nhello\n0\r\n\r\n`],
  ['a Content-Length as a trailer', `${CHUNKED}0\r\nContent-Length: 5\r\n\r\n`],
  ['a Transfer-Encoding as a trailer', `${CHUNKED}0\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['a folded trailer', `${CHUNKED}0\r\nX-A: 1\r\n 2\r\n\r\n`],
  ['trailers of more than 16 KiB', `${CHUNKED}0\r\n${'X-A: 12345678\r\n'.repeat(1100)}`],
];

test.each(REFUSED)(
  'an answer with %s is refused, as soon as that is there and wherever it is cut',
  (_, bytes) => {
    expect(readAnswer(cutAt(bytes))).toEqual({ kind: 'refused' });
    const positions = Array.from({ length: Math.min(bytes.length, 200) }, (_each, index) => index + 1);
    for (const position of positions) expect(readAnswer(cutAt(bytes, position))).toEqual({ kind: 'refused' });
    expect(readAnswer(cutAt(bytes, ...positions))).toEqual({ kind: 'refused' });
  },
);

test.each(['SSH-2.0-OpenSSH', '\x16\x03\x01', '<html>', 'HTTP/1.1 2x', 'HTTP/1.1 200 OK\r\nX A'])(
  'what cannot become an answer any more is refused before its line ends: %j',
  (bytes) => {
    expect(readAnswer(cutAt(bytes))).toEqual({ kind: 'refused' });
  },
);

test.each([
  `${OK}\r\nContent-Length: 5\r\n\r\nhell`,
  `${CHUNKED}5\r\nhello\r\n`,
  `${CHUNKED}5\r\nhello\r\n0\r\n`,
  `${OK}\r\nContent-Le`,
  '',
])('an answer that the connection ends too early is not whole: %j', (bytes) => {
  expect(readAnswer(cutAt(bytes))).toEqual({ kind: 'unfinished' });
});
