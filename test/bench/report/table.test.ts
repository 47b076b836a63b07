import { expect, test } from 'vitest';
import { alignColumns } from '../../../bench/report/table.ts';

test('columns line up, the first to the left and the others to the right, without trailing space', () => {
  const text = alignColumns([
    ['target', 'µs', ''],
    ['bare', '32.0', '1'],
    ['http-proxy', '5.5', ''],
  ]);
  expect(text.split('\n')).toEqual(['target        µs', 'bare        32.0  1', 'http-proxy   5.5']);
});
