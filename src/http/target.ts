import { err, ok, type Result } from '../base/result.ts';

/** A request target in origin form (RFC 9112 §3.2.1) that can be read in one way only. */
export interface RequestTarget {
  /** As received; this is what is matched and what is sent. */
  readonly path: string;
  /** As received, without `?`; empty if there is none. Never part of matching. */
  readonly query: string;
  /** The path's segments, percent-decoded to bytes (one character each); no empty one, a trailing slash adds none. */
  readonly segments: readonly string[];
  /** Some segment has path parameters (`;x=1`), written as they are or encoded. */
  readonly hasParameters: boolean;
}

const SLASH = 0x2f;
const DOT = 0x2e;
const SEMICOLON = 0x3b;
const QUESTION = 0x3f;
const HASH = 0x23;
const PERCENT = 0x25;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;

/** Bytes that must not come out of a percent-encoding, since the upstream could take them for structure. */
function isStructural(byte: number): boolean {
  return (
    byte < 0x20 ||
    byte === DELETE ||
    byte === SLASH ||
    byte === BACKSLASH ||
    byte === HASH ||
    byte === QUESTION
  );
}

/**
 * Splits and checks a received target, in one pass over the path. The error says what is ambiguous; it does not repeat
 * the target.
 */
export function parseTarget(target: string): Result<RequestTarget, string> {
  if (target.charCodeAt(0) !== SLASH)
    return err('the target is not in origin form (it does not begin with /)');
  const segments: string[] = [];
  let start = 1;
  /** Of the current segment. */
  let isEncoded = false;
  let hasEncoded = false;
  let hasParameters = false;
  let index = 1;
  for (; index < target.length; index += 1) {
    const code = target.charCodeAt(index);
    if (code === QUESTION) break;
    if (code === SLASH) {
      const problem = addSegment(segments, target.slice(start, index), isEncoded);
      if (problem !== undefined) return err(problem);
      start = index + 1;
      isEncoded = false;
    } else if (code === PERCENT) {
      isEncoded = true;
      hasEncoded = true;
    } else if (code === SEMICOLON) hasParameters = true;
    else if (code === BACKSLASH) return err('the path has a backslash');
    else if (code === HASH) return err('the target has a fragment');
    else if (code <= 0x20 || code >= DELETE)
      return err('the path has a control byte, a space or a byte outside ASCII');
  }
  // A trailing slash adds no segment.
  const last = start === index ? undefined : addSegment(segments, target.slice(start, index), isEncoded);
  if (last !== undefined) return err(last);
  if (hasEncoded) hasParameters ||= segments.some((segment) => segment.includes(';'));
  if (index === target.length) return ok({ path: target, query: '', segments, hasParameters });
  const query = target.slice(index + 1);
  const queryProblem = findQueryProblem(query);
  if (queryProblem !== undefined) return err(queryProblem);
  return ok({ path: target.slice(0, index), query, segments, hasParameters });
}

function findQueryProblem(query: string): string | undefined {
  for (let index = 0; index < query.length; index += 1) {
    const code = query.charCodeAt(index);
    if (code === HASH) return 'the target has a fragment';
    if (code <= 0x20 || code === DELETE) return 'the query has a control byte or a space';
  }
  return undefined;
}

/** Adds a segment as it is matched; what is wrong with it, if anything. */
function addSegment(segments: string[], received: string, isEncoded: boolean): string | undefined {
  if (received === '') return 'the path has an empty segment';
  let segment = received;
  if (isEncoded) {
    const decoded = decodeSegment(received);
    if (!decoded.ok) return decoded.error;
    segment = decoded.value;
  }
  const first = segment.charCodeAt(0);
  // Servers that take path parameters off are left with an empty segment, and drop it.
  if (first === SEMICOLON) return 'the path has an empty segment with parameters';
  if (first === DOT && isDotSegment(segment)) return 'the path has a dot segment';
  segments.push(segment);
  return undefined;
}

/** `.` and `..`, also with path parameters (`..;x`), which some servers take off before they resolve dots. */
function isDotSegment(segment: string): boolean {
  const semicolon = segment.indexOf(';');
  const name = semicolon === -1 ? segment : segment.slice(0, semicolon);
  return name === '.' || name === '..';
}

function decodeSegment(segment: string): Result<string, string> {
  let decoded = '';
  for (let index = 0; index < segment.length; index += 1) {
    const code = segment.charCodeAt(index);
    if (code !== PERCENT) {
      decoded += segment.charAt(index);
      continue;
    }
    const byte = hexByte(segment, index + 1);
    if (byte === undefined) return err('the path has a percent sign without two hex digits');
    if (isStructural(byte)) return err('the path has an encoded slash, backslash, ?, # or control byte');
    if (byte === PERCENT && hexByte(segment, index + 3) !== undefined)
      return err('the path is percent-encoded twice');
    // What careless decoders read as ASCII: `%c0%af`, `%e0%80%af` or `%f0%80%80%af` for a slash.
    if (beginsOverlong(segment, byte, index + 3)) return err('the path has overlong UTF-8');
    decoded += String.fromCharCode(byte);
    index += 2;
  }
  return ok(decoded);
}

/** Longer UTF-8 than its character needs (RFC 3629 §3): C0 and C1 begin nothing else, E0 and F0 with a small second byte. */
function beginsOverlong(segment: string, byte: number, next: number): boolean {
  if (byte === 0xc0 || byte === 0xc1) return isContinuationByte(segment, next);
  const limit = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0;
  if (limit === 0 || segment.charCodeAt(next) !== PERCENT) return false;
  const second = hexByte(segment, next + 1);
  return second !== undefined && second >= 0x80 && second < limit;
}

function isContinuationByte(segment: string, index: number): boolean {
  const byte = segment.charCodeAt(index) === PERCENT ? hexByte(segment, index + 1) : undefined;
  return byte !== undefined && byte >= 0x80 && byte <= 0xbf;
}

function hexByte(text: string, index: number): number | undefined {
  const high = hexDigit(text.charCodeAt(index));
  const low = hexDigit(text.charCodeAt(index + 1));
  return high === undefined || low === undefined ? undefined : high * 16 + low;
}

function hexDigit(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined;
}
