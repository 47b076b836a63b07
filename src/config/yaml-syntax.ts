import type { YAMLError } from 'yaml';
import type { YamlFault } from './yaml-structure.ts';

const QUOTES = 'text with special characters in quotes';

/**
 * By code and in our words: the parser's own messages quote the source, which may be a secret.
 */
const SYNTAX: Readonly<Record<string, readonly [found: string, expected: string]>> = {
  BAD_ALIAS: ['an alias that cannot be read', `an anchor's name, or ${QUOTES}`],
  BAD_DIRECTIVE: ['a directive that cannot be read', 'no directive'],
  BAD_DQ_ESCAPE: ['an unknown escape in double quotes', 'a YAML escape, or single quotes'],
  BAD_INDENT: ['wrong indentation', 'entries of one map or list in one column, and closed brackets'],
  BAD_SCALAR_START: ['text that begins with a reserved character', 'such text in quotes'],
  BLOCK_AS_IMPLICIT_KEY: ['a map where only text may be', `one "key: value" to a line, and ${QUOTES}`],
  BLOCK_IN_FLOW: ['a block inside of brackets', 'only bracketed lists and maps inside of brackets'],
  DUPLICATE_KEY: ['a duplicate key', 'each key once'],
  MISSING_CHAR: ['a missing quote, bracket, colon or comma', `it before this place, and ${QUOTES}`],
  MULTIPLE_DOCS: ['another document', 'one document in the file'],
  MULTIPLE_ANCHORS: ['several anchors on one value', 'at most one anchor'],
  MULTIPLE_TAGS: ['several tags on one value', 'no tag'],
  MULTILINE_IMPLICIT_KEY: ['a key over several lines', `a key on one line, and ${QUOTES}`],
  TAB_AS_INDENT: ['a tab as indentation', 'spaces'],
  TAG_RESOLVE_FAILED: ['an unknown tag', 'no tag'],
  UNEXPECTED_TOKEN: ['something that YAML does not allow here', QUOTES],
};

/** A syntax error of the parser as a fault. */
export function syntaxFault(error: YAMLError): YamlFault {
  const [found, expected] = SYNTAX[error.code] ?? ['something that is not YAML', 'YAML 1.2'];
  return { offset: error.pos[0], path: [], found, expected };
}
