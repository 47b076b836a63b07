import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type NodeReading, openNodeReading } from './node-reading.ts';
import { cutAt, type ReadAnswer, readAnswer } from './read-answer.ts';

let node: NodeReading;
beforeAll(async () => {
  node = await openNodeReading();
});
afterAll(() => node.close());

/** What we accept, llhttp reads the same way; so what it refuses or finds unfinished, we do not accept. */
async function expectSameReading(bytes: string, ours: ReadAnswer, method: string): Promise<void> {
  if (ours.kind !== 'whole') return;
  // What comes behind it would be of another answer.
  const theirs = await node.read(Buffer.from(bytes.slice(0, ours.length), 'latin1'), method);
  expect(theirs).toEqual({ ...ours, isReusable: false });
}

/** Mostly what belongs there, now and then something near it. */
function mostly(usual: readonly string[], odd: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constantFrom(...odd) },
  );
}

const lineEnd = mostly(['\r\n'], ['\n', '\r', '\r\r\n', ' \r\n', '\r\n ', '\t\r\n', '\0\r\n']);
const colon = mostly([': ', ':', ':\t '], [' : ', '', ':\0', ' ']);
const statusLine = mostly(
  [
    'HTTP/1.1 200 OK',
    'HTTP/1.1 404 ',
    'HTTP/1.0 200 OK',
    'HTTP/1.1 204 No',
    'HTTP/1.1 304 Not',
    'HTTP/1.1 599 \xe9',
    'HTTP/1.1 200',
  ],
  [
    'HTTP/1.1 99 X',
    'HTTP/1.1 2000 OK',
    'HTTP/2.0 200 OK',
    'HTTP/1.1  200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1 +20 OK',
    'HTTP/1.1\t200 OK',
  ],
);
const length = mostly(
  ['0', '2', '5', '05', '5  '],
  ['+5', '5, 5', '-1', '5 ', '0x5', '5.0', '', '18446744073709551621', '5;5'],
);
const coding = mostly(
  ['chunked', 'Chunked', 'chunked  '],
  ['gzip, chunked', 'chunked, identity', ' chunked\t', 'chunked;q=1', 'xchunked', '"chunked"', 'chunked,'],
);
const field = fc.oneof(
  fc.tuple(
    mostly(['Content-Length', 'content-length'], ['Content-Length ', 'Content_Length', '\0Content-Length']),
    colon,
    length,
  ),
  fc.tuple(
    mostly(['Transfer-Encoding'], ['Transfer-Encoding\t', 'transfer_encoding', 'Transfer-\xe9ncoding']),
    colon,
    coding,
  ),
  fc.tuple(fc.constant('Connection'), colon, mostly(['close', 'keep-alive', 'x, close'], ['upgrade', ','])),
  fc.tuple(
    mostly(['X-A', "!#$%&'*+-.^_`|~9z"], ['X A', 'X(A)', '', 'X\x7f']),
    colon,
    mostly(['1', '', 'a \t b', '\xe9\xff'], ['a\0b', 'a\x7fb', '\x1b', 'a\rb']),
  ),
);
const extension = mostly(
  [''],
  [
    ';a',
    ';a=b',
    ';a="b c"',
    ';a="\\""',
    '; a=b',
    ';a=',
    ';',
    ';a="',
    ';=b',
    ' ;a',
    ';a b',
    ';a="\x01"',
    ';;',
  ],
);
const chunk = fc
  .tuple(
    mostly(['hello', 'x', '\r\n\r\n'], ['']),
    mostly(['ok'], ['0', '+', 'g', ' ', '000000000']),
    extension,
    lineEnd,
    lineEnd,
  )
  .map(([data, size, extended, end, dataEnd]) => {
    const right = data.length.toString(16);
    return `${size === 'ok' ? right : size + right}${extended}${end}${data}${dataEnd}`;
  });
const body = fc.oneof(
  fc.constantFrom('', 'ok', 'hello', 'hello, world'),
  fc
    .tuple(
      fc.array(chunk, { maxLength: 3 }),
      extension,
      lineEnd,
      fc.array(fc.tuple(field, lineEnd), { maxLength: 1 }),
      lineEnd,
    )
    .map(
      ([chunks, extended, end, trailers, last]) =>
        `${chunks.join('')}0${extended}${end}${trailers.map(([parts, each]) => parts.join('') + each).join('')}${last}`,
    ),
);
const interim = mostly(
  ['', '', '', 'HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n'],
  [
    'HTTP/1.1 102 P\r\n\r\nHTTP/1.1 199 \r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 100 C\r\n\r\n',
    'HTTP/1.0 102 P\r\n\r\n',
    'HTTP/1.1 102 P\r\nConnection: close\r\n\r\n',
    'HTTP/1.1 102 P\r\nContent-Length: 1\r\n\r\n',
    'HTTP/1.1 102 P\r\nTransfer-Encoding: chunked\r\n\r\n',
    '\r\n',
  ],
);
const answer = fc
  .tuple(interim, statusLine, lineEnd, fc.array(fc.tuple(field, lineEnd), { maxLength: 3 }), lineEnd, body)
  .map(([before, status, end, fields, headEnd, content]) =>
    [before, status, end, ...fields.flatMap(([parts, each]) => [...parts, each]), headEnd, content].join(''),
  );
/** A byte in the wrong place. */
const mutated = fc
  .tuple(
    answer,
    fc.nat(),
    fc.constantFrom('', '\r', '\n', '\0', ' ', '\t', ':', ';', ',', '0', '\xff', '\x7f'),
    fc.boolean(),
  )
  .map(([text, place, byte, isInserted]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + byte + text.slice(isInserted ? at : at + 1);
  });

test('whatever is accepted of generated answers, llhttp reads the same way, and it does not matter how the bytes come', async () => {
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(answer, mutated),
      fc.constantFrom('GET', 'GET', 'HEAD'),
      fc.array(fc.nat(), { maxLength: 4 }),
      async (bytes, method, places) => {
        const ours = readAnswer(cutAt(bytes), method);
        const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
        const inPieces = readAnswer(cutAt(bytes, ...cuts), method);
        // Pieces may hide that something follows, which is found out when it comes.
        expect({ ...inPieces, isReusable: false }).toEqual({ ...ours, isReusable: false });
        if (ours.kind === 'whole') accepted += 1;
        await expectSameReading(bytes, ours, method);
      },
    ),
    { numRuns: 1_500 },
  );
  expect(accepted).toBeGreaterThan(100);
});

const FOLDER = new URL('../../../../shared/vectors/llhttp/test/response/', import.meta.url);
const isHere = existsSync(FOLDER);
if (!isHere) console.log('the samples of llhttp are not beside the repository: skipped');

/** The notation of llhttp's samples: escaped line ends join lines, all others are CRLF. */
function unescapeSample(text: string): string {
  return text
    .replaceAll(/\\\n/g, '')
    .replaceAll('\n', '\r\n')
    .replaceAll('\\r', '\r')
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t')
    .replaceAll('\\f', '\f')
    .replaceAll(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function readSamples(): readonly (readonly [string, string])[] {
  const sample =
    /^#+ ([^\n]+)\n(?:(?!\n#|```)[\s\S])*?<!-- meta=\{[^}]*"type": "response"[^}]*\} -->\s*```http\n([\s\S]*?)\n```/gm;
  return readdirSync(FOLDER).flatMap((file) =>
    [...readFileSync(new URL(file, FOLDER), 'utf8').matchAll(sample)].map(
      ([, name = '', text = '']) => [`${file} ${name.replaceAll('%', '%%')}`, unescapeSample(text)] as const,
    ),
  );
}

describe.skipIf(!isHere)('the samples of llhttp', () => {
  const samples = isHere ? readSamples() : [];

  test('are found', () => {
    expect(samples.length).toBeGreaterThan(50);
  });

  test.each(samples)('%s: is read the same way, or refused', async (_, bytes) => {
    const ours = readAnswer(cutAt(bytes));
    expect(
      readAnswer(cutAt(bytes, ...Array.from({ length: bytes.length }, (_each, index) => index))),
    ).toMatchObject({ kind: ours.kind });
    await expectSameReading(bytes, ours, 'GET');
  });
});
