import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createResponseReader } from '../../../bench/load/response-reader.ts';

function response(status: number, body: string): string {
  return `HTTP/1.1 ${status} Any\r\ncontent-LENGTH: ${body.length}\r\nX-Other: 1\r\n\r\n${body}`;
}

function statusesOf(chunks: readonly string[]): number[] {
  const statuses: number[] = [];
  const reader = createResponseReader((status) => statuses.push(status));
  for (const chunk of chunks) reader.feed(Buffer.from(chunk, 'latin1'));
  return statuses;
}

test('a response counts once its last byte is there, and not before', () => {
  const whole = response(200, '{"a":1}');
  expect(statusesOf([whole.slice(0, -1)])).toEqual([]);
  expect(statusesOf([whole])).toEqual([200]);
});

test('wherever the network cuts the bytes, the same responses come out', () => {
  const bytes = response(200, 'x'.repeat(50)) + response(404, '') + response(201, '\r\n\r\nHTTP/1.1 500 no');
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 12 });
  fc.assert(
    fc.property(cuts, (unsorted) => {
      const ends = [...unsorted.toSorted((a, b) => a - b), bytes.length];
      const chunks = ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end));
      expect(statusesOf(chunks)).toEqual([200, 404, 201]);
    }),
  );
});

test('the reader keeps no reference to a buffer that its caller uses again', () => {
  const bytes = Buffer.from(response(200, 'ok'), 'latin1');
  const statuses: number[] = [];
  const reader = createResponseReader((status) => statuses.push(status));
  const scratch = Buffer.from(bytes.subarray(0, 20));
  reader.feed(scratch);
  scratch.fill(0);
  reader.feed(bytes.subarray(20));
  expect(statuses).toEqual([200]);
});

test.each([
  ['a chunked response', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'without Content-Length'],
  ['something else than HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'not an HTTP/1.1 response'],
])('%s is an error, so that it cannot count as a fast response', (_what, bytes, message) => {
  expect(() => statusesOf([bytes])).toThrow(message);
});
