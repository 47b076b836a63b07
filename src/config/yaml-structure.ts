import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
} from 'yaml';
import { quoted } from '../base/quoted.ts';
import type { ConfigPath } from './problem.ts';

/** Something that YAML allows and the configuration does not, at an offset of the text. */
export interface YamlFault {
  readonly offset: number;
  readonly path: ConfigPath;
  readonly found: string;
  readonly expected: string;
  /** The document cannot be turned into a value at all. */
  readonly isFatal?: boolean;
}

export function isUnusableStructure(faults: readonly YamlFault[]): boolean {
  return faults.some((fault) => fault.isFatal === true);
}

/**
 * Duplicate keys, keys that are not text, merge keys, tags and YAML 1.1: each of them makes the file mean something else
 * than it seems to say. `lineAt` turns an offset into a line.
 */
export function structuralFaults(
  document: Document.Parsed,
  lineAt: (offset: number) => number,
): readonly YamlFault[] {
  const faults: YamlFault[] = [];
  const directives = document.directives;
  if (directives.yaml.explicit === true && directives.yaml.version !== '1.2')
    faults.push(fatal(0, [], `the directive %YAML ${directives.yaml.version}`, 'YAML 1.2'));
  visit(document.contents, []);
  return faults;

  function visit(node: unknown, path: ConfigPath): void {
    if (isAlias(node)) {
      if (node.resolve(document) === undefined) faults.push(unknownAnchor(node, path));
      return;
    }
    if (!isScalar(node) && !isCollection(node)) return;
    if (node.tag !== undefined)
      faults.push(fatal(offsetOf(node), path, `the tag ${quoted(node.tag)}`, 'a value without a tag'));
    if (isSeq(node)) for (const [index, item] of node.items.entries()) visit(item, [...path, index]);
    if (isMap(node)) visitPairs(node.items, path);
  }

  function visitPairs(pairs: readonly Pair[], path: ConfigPath): void {
    const firstOffset = new Map<string, number>();
    for (const pair of pairs) {
      const key = pair.key;
      if (!isScalar(key)) {
        faults.push(fatal(offsetOf(key), path, 'a key that is not text', 'text as a key'));
        continue;
      }
      const name = String(key.value);
      const keyPath = [...path, name];
      const earlier = firstOffset.get(name);
      const fault = earlier === undefined ? keyFault(key.value, key.source) : duplicate(name, earlier);
      if (fault !== undefined) faults.push({ offset: offsetOf(key), path: keyPath, ...fault });
      firstOffset.set(name, earlier ?? offsetOf(key));
      visit(pair.value, keyPath);
    }
  }

  function duplicate(name: string, earlier: number) {
    return {
      found: `the key ${quoted(name)} again`,
      expected: `it only once (first on line ${lineAt(earlier)})`,
    };
  }
}

function keyFault(value: unknown, source: string | undefined) {
  if (typeof value !== 'string') {
    const written = quoted(source ?? String(value));
    return { found: `the key ${source ?? 'null'} without quotes`, expected: `${written} in quotes` };
  }
  if (value === '<<') return { found: 'the merge key "<<"', expected: 'the keys themselves', isFatal: true };
  // Would become the prototype of the map, or vanish.
  if (value === '__proto__')
    return { found: 'unknown key "__proto__"', expected: 'no such key', isFatal: true };
  return undefined;
}

function unknownAnchor(alias: Alias, path: ConfigPath): YamlFault {
  return fatal(
    offsetOf(alias),
    path,
    `the alias ${quoted(`*${alias.source}`)} of an anchor that is not there`,
    'an anchor before it, or text in quotes',
  );
}

function fatal(offset: number, path: ConfigPath, found: string, expected: string): YamlFault {
  return { offset, path, found, expected, isFatal: true };
}

function offsetOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}
