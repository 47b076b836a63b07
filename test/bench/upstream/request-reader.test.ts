import { expect, test } from 'vitest';
import { createRequestReader } from '../../../bench/upstream/request-reader.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST /b HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789';

/** The request lines that were seen when these bytes came in pieces of this size. */
function linesIn(text: string, pieceBytes: number): string[] {
  const lines: string[] = [];
  const reader = createRequestReader((head) => lines.push(head.split('\r\n')[0] ?? ''));
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.feed(bytes.subarray(at, at + pieceBytes));
  return lines;
}

test.each([1, 2, 3, 7, 20, 1000])(
  'requests with and without bodies are told apart in pieces of %i bytes',
  (piece) => {
    expect(linesIn(`${GET}${POST}${POST}${GET}`, piece)).toEqual([
      'GET /a HTTP/1.1',
      'POST /b HTTP/1.1',
      'POST /b HTTP/1.1',
      'GET /a HTTP/1.1',
    ]);
  },
);

test('a request counts when its body is whole, not before', () => {
  expect(linesIn(POST.slice(0, -1), 1000)).toEqual([]);
});

test('a body without a length is an error, not an answer', () => {
  const chunked = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
  expect(() => linesIn(chunked, 1000)).toThrow('without Content-Length');
});
