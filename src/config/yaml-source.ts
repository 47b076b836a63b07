import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml';
import type { ConfigPath } from './problem.ts';
import { isUnusableStructure, structuralFaults, type YamlFault } from './yaml-structure.ts';
import { syntaxFault } from './yaml-syntax.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML text as a value, with the way back from a path to line and column. */
export interface YamlSource {
  readonly value: unknown;
  /** Where the value is, or its key; where there is none, the nearest thing around it. */
  position(path: ConfigPath, at: 'value' | 'key'): Position;
}

export type YamlResult =
  | { readonly kind: 'parsed'; readonly source: YamlSource; readonly faults: readonly PlacedFault[] }
  /** Not to be read any further. */
  | { readonly kind: 'broken'; readonly faults: readonly PlacedFault[] };

/** A fault of the YAML itself. */
export interface PlacedFault extends Position {
  readonly path: ConfigPath;
  readonly found: string;
  readonly expected: string;
}

/** Reads one YAML 1.2 document of the core schema. Nothing that it cannot represent plainly is let through. */
export function readYaml(text: string): YamlResult {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.2',
    schema: 'core',
    merge: false,
    logLevel: 'error',
  });
  const place = (fault: YamlFault): PlacedFault => ({
    ...positionOf(lines, fault.offset),
    path: fault.path,
    found: fault.found,
    expected: fault.expected,
  });
  if (document.errors.length > 0)
    return { kind: 'broken', faults: document.errors.map((error) => place(syntaxFault(error))) };
  const faults = structuralFaults(document, (offset) => positionOf(lines, offset).line);
  if (isUnusableStructure(faults)) return { kind: 'broken', faults: faults.map(place) };
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    const source: YamlSource = {
      value,
      position: (path, at) => positionOf(lines, offsetOf(document, path, at)),
    };
    return { kind: 'parsed', source, faults: faults.map(place) };
  } catch {
    const fault = { offset: 0, path: [], found: 'too many aliases', expected: 'at most 100 uses of anchors' };
    return { kind: 'broken', faults: [place(fault)] };
  }
}

function positionOf(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function offsetOf(document: Document.Parsed, path: ConfigPath, at: 'value' | 'key'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const pair = isMap(node) ? findPair(node.items, step) : undefined;
    const child = isSeq(node) && typeof step === 'number' ? node.items[step] : pair?.value;
    const isLast = index === path.length - 1;
    const target = pair !== undefined && isLast && at === 'key' ? pair.key : child;
    offset = startOf(target) ?? startOf(pair?.key) ?? offset;
    if (child === undefined || child === null) break;
    node = child;
  }
  return offset;
}

/** The last of equal keys is the one whose value counts. */
function findPair(pairs: readonly Pair[], step: string | number): Pair | undefined {
  return pairs.findLast((pair) => isScalar(pair.key) && String(pair.key.value) === String(step));
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}
