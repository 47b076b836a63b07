/** `npm run docs`: writes the pages of docs/ that are made from the code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { generatedDocs } from './generated-docs.ts';

const root = path.resolve(import.meta.dirname, '..');
for (const [file, text] of await generatedDocs()) {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
  process.stdout.write(`${file}\n`);
}
