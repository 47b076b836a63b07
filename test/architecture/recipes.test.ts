import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { pages, root } from './markdown.ts';

/** A comment that names a file of the repository, and the block after it. */
const SHOWN = /^<!-- (deploy\/recipes\/\S+) -->\n+```\w*\n(.*?)^```$/gms;

const shown = pages().flatMap((page) =>
  [...readFileSync(path.join(root, page), 'utf8').matchAll(SHOWN)].map(([, file = '', text = '']) => ({
    page,
    file,
    text,
  })),
);

describe('recipes that a page shows are, to the letter, the files that the tests run', () => {
  test('there are some', () => {
    expect(shown.length).toBeGreaterThan(2);
  });

  test.each(shown)('$page shows $file', ({ file, text }) => {
    const whole = path.join(root, file);
    expect(existsSync(whole) && readFileSync(whole, 'utf8')).toBe(text);
  });
});
