import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');

/** Every page of the repository, relative to its root. */
export function pages(): readonly string[] {
  return globSync('**/*.md', { cwd: root, exclude: ['**/node_modules/**', 'dist/**', 'coverage/**'] });
}

export interface Block {
  readonly language: string;
  readonly text: string;
}

/** Fenced blocks in their order. `section`: only those under the heading that begins with it. */
export function blocksOf(page: string, section = ''): readonly Block[] {
  const text = readFileSync(path.join(root, page), 'utf8');
  const start = section === '' ? 0 : text.indexOf(`\n## ${section}`);
  if (start === -1) throw new Error(`${page} has no section ${section}`);
  const end = section === '' ? -1 : text.indexOf('\n## ', start + 1);
  const part = text.slice(start, end === -1 ? undefined : end);
  return [...part.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', body = '']) => ({
    language,
    text: body,
  }));
}

/** Targets of links to files, without their anchors. */
export function linkedFiles(page: string): readonly string[] {
  const text = readFileSync(path.join(root, page), 'utf8').replace(/^```.*?^```$/gms, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/i.test(target));
}
