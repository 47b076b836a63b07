import { expect, test } from 'vitest';
import { hotSpots } from '../../../bench/profile/hot-spots.ts';

const frame = (functionName: string, url = '') => ({
  functionName,
  url,
  scriptId: '0',
  lineNumber: 9,
  columnNumber: 0,
});

test('time is summed by function, the hottest first, and waiting does not count', () => {
  const text = hotSpots(
    {
      startTime: 0,
      endTime: 1000,
      nodes: [
        { id: 1, callFrame: frame('(idle)') },
        { id: 2, callFrame: frame('post', 'node:inspector') },
        { id: 3, callFrame: frame('read', 'file:///srv/a.js') },
        { id: 4, callFrame: frame('write', 'file:///srv/b.js') },
        { id: 5, callFrame: frame('read', 'file:///srv/a.js') },
      ],
      samples: [1, 2, 3, 4, 5],
      timeDeltas: [500, 200, 100, 100, 100],
    },
    10,
  );
  expect(text.split('\n').map((line) => line.split(/\s+/))).toEqual([
    ['function', 'share', 'µs/req'],
    ['read', '/srv/a.js:10', '66.7%', '20.00'],
    ['write', '/srv/b.js:10', '33.3%', '10.00'],
  ]);
});
