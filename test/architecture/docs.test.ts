import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { generatedDocs } from '../../scripts/generated-docs.ts';

const root = path.resolve(import.meta.dirname, '../..');

const pages = [...(await generatedDocs())];

describe('generated pages say what the code says (`npm run docs` writes them anew)', () => {
  test.each(pages)('%s', (file, text) => {
    const page = path.join(root, file);
    expect(existsSync(page) ? readFileSync(page, 'utf8') : '(missing)').toBe(text);
  });
});
